/**
 * `npm test`: lint, format, types, boundaries, what nobody uses, names, sizes of files, then unit, integration and browser tests,
 * each with its time.
 * `npm test -- libs/he other/folder` runs only the tests whose path contains one of the words;
 * options are handed to vitest (`npm test -- libs/he --testNamePattern=adder`).
 *
 * `npm run test:long` tries every property twenty times as often.
 *
 * Nothing is skipped: what is missing is installed or fails the run. The last line says
 * `N passed, N failed`, where each of the first seven counts as one.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ensureTestPrograms } from './test-programs.mjs';
import { readReport } from './vitest-report.mjs';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const args = process.argv.slice(2);
const words = args.filter((arg) => !arg.startsWith('-'));
const reports = mkdtempSync(join(tmpdir(), 'koinon-test-'));
const total = { passed: 0, failed: 0 };
/** @type {string[]} */
const failures = [];

const CHECKS = [
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'boundaries', command: ['node', 'tools/check-boundaries.mjs'] },
  { name: 'unused', command: ['node', 'tools/check-unused.mjs'] },
  { name: 'names', command: ['node', 'tools/check-names.mjs'] },
  { name: 'sizes', command: ['node', 'tools/check-sizes.mjs'] },
];

const TIERS = [
  { name: 'unit', config: 'vitest.config.ts', files: /(?<!\.integration|\.e2e)\.spec\.tsx?$/, programs: [] },
  {
    name: 'integration',
    config: 'vitest.integration.config.ts',
    files: /\.integration\.spec\.ts$/,
    programs: ['redis-server'],
  },
  { name: 'browser', config: 'vitest.e2e.config.ts', files: /\.e2e\.spec\.ts$/, programs: ['chromium'] },
];

/** @type {import('node:child_process').ChildProcess | undefined} */
let current;
let isInterrupted = false;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    isInterrupted = true;
    current?.kill(signal);
  });
}
process.once('exit', () => rmSync(reports, { recursive: true, force: true }));

if (args.length === 0) for (const check of CHECKS) await runCheck(check);
for (const tier of TIERS) await runTier(tier);

if (total.passed + total.failed === 0) failures.push('no test matches');
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** @param {(typeof CHECKS)[number]} check */
async function runCheck({ name, command }) {
  const code = await timed(name, () => run(command));
  if (code === 0) total.passed++;
  else fail(name, 1, `exit code ${code}`);
}

/** @param {(typeof TIERS)[number]} tier */
async function runTier({ name, config, files, programs }) {
  if (words.length > 0 && !hasMatch(files)) return;
  const missing = ensureTestPrograms(programs);
  if (missing !== undefined) return fail(name, 1, missing);
  const outputFile = join(reports, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`];
  const code = await timed(name, () => run(['vitest', 'run', '--config', config, ...reporters, ...args]));
  const report = readReport(outputFile);
  total.passed += report.passed;
  // An error outside any test, or a run that broke off, leaves the counts clean and the exit code not.
  if (report.failed > 0 || code !== 0)
    fail(name, Math.max(report.failed, 1), report.failed > 0 ? `${report.failed} of its tests` : `exit code ${code}`);
}

/** Whether a test file of a tier has one of the words in its path. @param {RegExp} files */
function hasMatch(files) {
  const specs = globSync('**/*.spec.{ts,tsx}', { cwd: root, exclude: ['**/node_modules', '**/dist'] });
  return specs.some((path) => files.test(path) && words.some((word) => path.includes(word)));
}

/** @param {string} name @param {number} count @param {string} reason */
function fail(name, count, reason) {
  total.failed += count;
  failures.push(`${name}: ${reason}`);
}

/** @param {string} name @param {() => Promise<number>} action */
async function timed(name, action) {
  process.stdout.write(`\n── ${name}\n`);
  const startMs = performance.now();
  const code = await action();
  process.stdout.write(
    `── ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`,
  );
  return code;
}

/** @param {string[]} command @returns {Promise<number>} exit code; 1 when a signal ended it */
function run([file = '', ...rest]) {
  if (isInterrupted) return Promise.resolve(1);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(join(bin, file), rest, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  current = child;
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

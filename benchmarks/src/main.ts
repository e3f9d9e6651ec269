/** `npm run bench -- SUITE [--format json]`: runs one suite and prints what it measured. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Figure } from './figure.js';

/** One module beside this file per suite. */
const SUITES = ['he', 'training', 'federation', 'round'] as const;

interface Suite {
  run(options: { readonly onProgress: (line: string) => void }): Promise<Figure[]>;
}

class UsageError extends Error {
  readonly code = 'BENCH_USAGE';
}

function readArguments(args: readonly string[]): { suite: string; isJson: boolean } {
  const usage = `usage: npm run bench -- ${SUITES.join('|')} [--format json|table]`;
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { format: { type: 'string', default: 'table' } },
    });
    const [suite = ''] = positionals;
    const isKnown = positionals.length === 1 && SUITES.some((name) => name === suite);
    if (!isKnown) throw new UsageError(`no suite "${positionals.join(' ')}"`);
    if (values.format !== 'json' && values.format !== 'table') throw new UsageError(`no format "${values.format}"`);
    return { suite, isJson: values.format === 'json' };
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** The commit that was measured; `+` marks a tree with changes. */
function commitId(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

/** Five significant digits read as well for nanoseconds as for gigabytes. */
function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
}

function formatTable(results: readonly Figure[]): string {
  const rows = results.map(({ name, value, unit, ratio, yardstick }) => [
    name,
    formatNumber(value),
    unit,
    ratio === undefined ? '' : `×${formatNumber(ratio)}`,
    yardstick === undefined ? '' : `against ${typeof yardstick === 'number' ? formatNumber(yardstick) : yardstick}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 1 || column === 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

try {
  const { suite, isJson } = readArguments(process.argv.slice(2));
  const { run } = (await import(new URL(`./${suite}.js`, import.meta.url).href)) as Suite;
  const results = await run({ onProgress: (line) => process.stderr.write(`${line}\n`) });
  const processors = cpus();
  const report = {
    suite,
    commit: commitId(),
    cpu: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    results,
  };
  process.stdout.write(
    isJson
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${suite} · ${report.commit} · ${report.cpu}\n${formatTable(results)}\n`,
  );
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

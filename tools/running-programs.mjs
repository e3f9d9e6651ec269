import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** Built programs and the test run; what only stands below node_modules is a tool. */
const PROGRAM = /^(?:(?!node_modules\/)\S+\/dist\/|tools\/test\.mjs)/;

/**
 * Programs load files of `dist` and `node_modules` when they first need them, hours after their start: neither may change below them.
 * @param {string} root @param {string} what is about to be replaced
 * @throws Error naming a process that runs from this checkout
 */
export function refuseWhileRunning(root, what) {
  const [running] = runningFrom(root);
  if (running)
    throw new Error(
      `${what} changed, and process ${running.pid} (${running.program}) runs from this checkout: stop it, then try again`,
    );
}

/** @param {string} root @returns {{ pid: number, program: string }[]} programs of this checkout that run now */
export function runningFrom(root) {
  return commandLines().flatMap(({ pid, line }) => {
    const program = line
      .split(`${root}/`)
      .slice(1)
      .find((part) => PROGRAM.test(part));
    return program !== undefined && /(^|\/)node /.test(line) ? [{ pid, program: program.trim() }] : [];
  });
}

/** @returns {{ pid: number, line: string }[]} */
function commandLines() {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 }).split(
      '\n',
    );
    return lines.map((line) => ({ pid: Number.parseInt(line, 10), line: line.replace(/^\s*\d+\s+/, '') }));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), line: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        // It ended in this moment.
        return [];
      }
    });
}

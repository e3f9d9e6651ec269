/**
 * Loaded with `--import` before a script: from `armKill()` on, the process kills itself with SIGKILL in place of its
 * KILL_AT-th call that changes the disk. A write that is hit has put down half of its bytes first, as a torn one does.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const killAt = Number(process.env.KILL_AT);
let calls = -Infinity;
globalThis.armKill = () => {
  calls = 0;
};

for (const name of [
  'mkdirSync',
  'openSync',
  'writeSync',
  'fsyncSync',
  'closeSync',
  'linkSync',
  'renameSync',
  'rmSync',
]) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (++calls === killAt) {
      if (name === 'writeSync') real(args[0], args[1].subarray(0, args[1].length >> 1));
      process.kill(process.pid, 'SIGKILL');
    }
    return real(...args);
  };
}
syncBuiltinESMExports();

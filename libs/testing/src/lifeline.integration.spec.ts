import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

// A process that starts `sleep`, ties it to itself, tells its pid and waits.
const STARTER = `
  const { spawn } = await import('node:child_process');
  const { tieToThisProcess } = await import(process.argv[1]);
  const child = spawn('sleep', ['1000'], { detached: true, stdio: ['ignore', 'inherit', 'ignore'] });
  tieToThisProcess(child.pid, 'KILL');
  console.log(child.pid);
  setInterval(() => {}, 1000);
`;

describe('tieToThisProcess', () => {
  it('ends the process when its starter is killed outright', async () => {
    const lifeline = new URL('../dist/lifeline.js', import.meta.url).href;
    const starter = spawn(process.execPath, ['--input-type=module', '-e', STARTER, lifeline], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [first] = (await once(starter.stdout, 'data')) as [Buffer];
    expect(Number(first.toString())).toBeGreaterThan(1);
    // `sleep` holds the other end of this pipe, so it closes only when both processes are gone.
    const closed = once(starter.stdout.resume(), 'close');
    starter.kill('SIGKILL');
    await closed;
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

// A supervised command that tells its pid and each signal, and ends with 7 on SIGTERM and 3 when its starter is gone.
const COMMAND = `
  process.on('SIGINT', () => console.log('SIGINT'));
  process.on('SIGTERM', () => process.exit(7));
  process.once('disconnect', () => { console.log('alone'); process.exit(3); });
  process.channel.unref();
  setInterval(() => {}, 1000);
  console.log('ready');
`;
const STARTER = `
  const { runCommand } = await import(process.argv[1]);
  process.exitCode = await runCommand(process.execPath, ['-e', process.argv[2]], { supervise: true, samePressMs: 60_000 });
`;

function start(): {
  starter: ChildProcess;
  line: () => Promise<string>;
  ended: Promise<unknown[]>;
  silent: Promise<unknown[]>;
} {
  const module = new URL('run-command.mjs', import.meta.url).href;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', STARTER, module, COMMAND], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stdout = starter.stdout;
  const line = async (): Promise<string> => String(((await once(stdout, 'data')) as [Buffer])[0]).trim();
  return { starter, line, ended: once(starter, 'exit'), silent: once(stdout, 'close') };
}

describe('runCommand', () => {
  it('hands on a signal once, though it comes twice, and the exit code', async () => {
    const { starter, line, ended } = start();
    expect(await line()).toBe('ready');
    const said = line();
    starter.kill('SIGINT');
    expect(await said).toBe('SIGINT');
    const more: string[] = [];
    starter.stdout?.on('data', (chunk: Buffer) => more.push(chunk.toString()));
    starter.kill('SIGINT');
    starter.kill('SIGTERM');
    expect(await ended).toEqual([7, null]);
    expect(more).toEqual([]);
  });

  it('lets the command know when it was killed outright', async () => {
    const { starter, line, silent } = start();
    expect(await line()).toBe('ready');
    const said = line();
    starter.kill('SIGKILL');
    expect(await said).toBe('alone');
    await silent;
  });
});

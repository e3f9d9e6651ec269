import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, type ErrorCode } from '@koinon/contracts';
import { failureOf } from '@koinon/service';
import { tempDir, until } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { isRunning } from './process-identity.js';
import { Program, type ProgramSpec } from './program.js';
import { waitForLeftovers } from './leftovers.js';

const never = new AbortController().signal;
/** Stands after a program's handlers: who hears it may signal the program at once. */
const READY = "process.send({ ready: { url: 'http://127.0.0.1:' + (process.env.KOINON_PORT ?? 4321) } });";
const STAY = "process.on('disconnect', () => process.exit()); setInterval(() => undefined, 1000);";
const codedExit = (code: ErrorCode): string =>
  `process.stderr.write(${JSON.stringify(`${failureOf(new CodedError(code, 'what happened')).line}\n`)}); process.exitCode = 2;`;

/** A program with this text, and what its owner hears of it. */
function program(
  folder: string,
  text: string,
  restartAfterMs: number[] = [1, 1, 1],
  live: Pick<ProgramSpec, 'livePath' | 'pulse'> = {},
) {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, text);
  const restarts: CodedError[] = [];
  const givenUp = Promise.withResolvers<CodedError>();
  const made = new Program(
    {
      name: 'va',
      file,
      environment: {},
      ...live,
      logFile: join(folder, 'va.log'),
      processFile: join(folder, 'process'),
      readyTimeoutMs: 20_000,
      onEntry: () => undefined,
      onRestart: (failure) => restarts.push(failure),
      onGiveUp: givenUp.resolve,
    },
    restartAfterMs,
  );
  return {
    program: made,
    restarts,
    givenUp: givenUp.promise,
    identity: () => readFileSync(join(folder, 'process'), 'utf8'),
  };
}

describe('Program', () => {
  it('is started again at the port it had, and stopped for good', async () => {
    using dir = tempDir();
    const {
      program: va,
      restarts,
      identity,
    } = program(dir.path, `process.stderr.write(process.env.KOINON_PORT + '\\n'); ${STAY} ${READY}`);
    expect(await va.start(never)).toEqual({ url: 'http://127.0.0.1:4321' });
    const first = identity();
    process.kill(Number.parseInt(first, 10), 'SIGKILL');
    const log = join(dir.path, 'va.log');
    await until(
      'a restart',
      async () => restarts.length === 1 && existsSync(log) && readFileSync(log, 'utf8').includes('4321\n'),
    );
    expect(restarts[0]).toMatchObject({ code: 'INTERNAL', detail: 'va ended with SIGKILL; see its log' });
    const second = identity();
    expect([isRunning(first), isRunning(second)]).toEqual([false, true]);
    await va.stop();
    await until('the end', async () => !isRunning(second));
    expect(restarts).toHaveLength(1);
  });

  it('that is alive and answers no more is ended and started again', async () => {
    using dir = tempDir();
    const { program: va, restarts } = program(
      dir.path,
      `
      import { createServer } from 'node:http';
      let asked = 0;
      const server = createServer((_, response) => { response.end(); if (++asked === 2 && process.env.KOINON_PORT === undefined) for (;;); });
      server.listen(process.env.KOINON_PORT ?? 0, '127.0.0.1', () => process.send({ ready: { url: 'http://127.0.0.1:' + server.address().port } }));
      process.on('disconnect', () => process.exit());`,
      [1],
      { livePath: '/live', pulse: { everyMs: 200, silences: 3 } },
    );
    await va.start(never);
    await until('a restart', async () => restarts.length > 0);
    expect(restarts[0]).toMatchObject({
      code: 'INTERNAL',
      detail: 'va did not answer any more and was ended; see its log',
    });
    await va.stop();
  });

  it('fails its first start with its own code and detail, and is not started again', async () => {
    using dir = tempDir();
    const { program: va, restarts } = program(dir.path, codedExit('PORT_IN_USE'));
    await expect(va.start(never)).rejects.toMatchObject({ code: 'PORT_IN_USE', detail: 'va: what happened' });
    expect(restarts).toEqual([]);
  });

  it('that crashes without a code points at its log, which has the reason', async () => {
    using dir = tempDir();
    const { program: va } = program(dir.path, "throw new Error('boom');");
    await expect(va.start(never)).rejects.toMatchObject({
      code: 'INTERNAL',
      detail: 'va ended with exit code 1; see its log',
    });
    expect(readFileSync(join(dir.path, 'va.log'), 'utf8')).toContain('Error: boom');
  });

  it('that always ends soon is given up with its last code, and fills no disk', async () => {
    using dir = tempDir();
    const noise = "process.stdout.write('x'.repeat(99_999) + '\\n', () => undefined);";
    const {
      program: va,
      restarts,
      givenUp,
    } = program(dir.path, `${READY} ${noise.repeat(8)} ${codedExit('COORDINATOR_UNREACHABLE')} process.disconnect();`);
    await va.start(never);
    expect(await givenUp).toMatchObject({ code: 'COORDINATOR_UNREACHABLE', detail: 'va: what happened' });
    expect(restarts).toHaveLength(3);
    const logs = readdirSync(dir.path).filter((name) => name.startsWith('va.log'));
    expect(logs.reduce((bytes, name) => bytes + statSync(join(dir.path, name)).size, 0)).toBeLessThanOrEqual(2 ** 21);
  });

  it('whose failure only a person can mend is given up at once', async () => {
    using dir = tempDir();
    const {
      program: va,
      restarts,
      givenUp,
    } = program(dir.path, `${READY} ${codedExit('DATABASE_UNREACHABLE')} process.disconnect();`);
    await va.start(never);
    expect(await givenUp).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    expect(restarts).toEqual([]);
  });

  it('that does not get ready is left by whoever is told to stop', async () => {
    using dir = tempDir();
    const { program: va, identity } = program(dir.path, STAY);
    const stopping = new AbortController();
    const started = va.start(stopping.signal);
    stopping.abort(new Error('stop'));
    await expect(started).rejects.toThrow('stop');
    const waiting = identity();
    await va.stop();
    expect(isRunning(waiting)).toBe(false);
  });
});

describe('waitForLeftovers', () => {
  it('waits for what ends by itself, kills what does not, and forgets both', async () => {
    using dir = tempDir();
    using processes = tempDir();
    const { program: va, identity } = program(dir.path, `process.on('SIGTERM', () => undefined); ${STAY} ${READY}`);
    await va.start(never);
    const stubborn = identity();
    writeFileSync(join(processes.path, 'va'), stubborn);
    writeFileSync(join(processes.path, 'long gone'), '1 1');
    const said: string[] = [];
    const stopped = va.stop();
    await waitForLeftovers(processes.path, (line) => said.push(line), never, 50);
    await stopped;
    expect({ said, running: isRunning(stubborn), left: readdirSync(processes.path) }).toEqual({
      said: ['waiting for the programs of the last start to end'],
      running: false,
      left: [],
    });
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from './free-port.js';
import { tieToThisProcess } from './lifeline.js';

export interface RedisFixture {
  /** `redis://127.0.0.1:port`. Readable from `beforeAll` on. */
  readonly url: string;
}

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/**
 * An empty Redis of its own, on loopback and in memory only, for the tests of a `describe` block.
 * It fails where `redis-server` is not installed: `npm test` installs or asks for it.
 */
export function withRedis(): RedisFixture {
  let server: ChildProcess | undefined;
  let cut: (() => void) | undefined;
  let url: string | undefined;

  beforeAll(async () => {
    const port = await freePort();
    server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    );
    await Promise.race([
      answers(port),
      once(server, 'exit').then(([code]) => {
        throw new Error(`redis-server ended with ${String(code)} before it answered`);
      }),
    ]);
    if (server.pid !== undefined) cut = tieToThisProcess(server.pid, 'KILL');
    url = `redis://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    cut?.();
    if (server?.exitCode !== null || server.pid === undefined) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  });

  return {
    get url(): string {
      if (url === undefined) throw new Error('Redis runs only while the tests of its block run');
      return url;
    },
  };
}

/** Resolves when something on `port` says PONG. */
async function answers(port: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (await saysPong(port)) return;
    await delay(POLL_MS);
  }
  throw new Error('redis-server did not answer in time');
}

function saysPong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('error', () => resolve(false));
    socket.once('data', (reply) => {
      socket.destroy();
      resolve(reply.toString().startsWith('+PONG'));
    });
    socket.once('connect', () => socket.write('PING\r\n'));
  });
}

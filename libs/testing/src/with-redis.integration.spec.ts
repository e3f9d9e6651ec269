import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, expect, it } from 'vitest';
import { withRedis } from './with-redis.js';

async function send(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.write(`${command}\r\n`);
  const [reply] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return reply.toString();
}

describe('withRedis', () => {
  const first = withRedis();
  const second = withRedis();

  it('gives each fixture a server of its own', async () => {
    expect(await send(first.url, 'SET round 7')).toBe('+OK\r\n');
    expect(await send(first.url, 'GET round')).toBe('$1\r\n7\r\n');
    expect(await send(second.url, 'GET round')).toBe('$-1\r\n');
  });

  it('keeps nothing on disk', async () => {
    expect(await send(first.url, 'CONFIG GET save')).toContain('$0\r\n');
  });
});

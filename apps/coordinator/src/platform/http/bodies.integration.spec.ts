import { connect, type Socket } from 'node:net';
import { withDatabase, until } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';

const HUGE = 30 * 2 ** 20;
const LIMITS = { maxConnections: 80, headersTimeoutMs: 300, checkEveryMs: 50, lingerMs: 300 };

describe('what a stranger can make the coordinator do', () => {
  const database = withDatabase();
  /** Requests whose body was looked at, and those whose body was read to its end and parsed. */
  const bodies = { begun: 0, parsed: 0 };
  let coordinator: InProcessCoordinator;

  beforeAll(async () => {
    coordinator = await InProcessCoordinator.start({
      databaseUrl: database.url,
      worker: false,
      limits: LIMITS,
      prepare: (app) => {
        const fastify = app.getHttpAdapter().getInstance();
        fastify.addHook('preParsing', async () => void bodies.begun++);
        fastify.addHook('preValidation', async () => void bodies.parsed++);
      },
    });
  });
  afterAll(() => coordinator[Symbol.asyncDispose]());

  const port = () => Number(new URL(coordinator.url).port);

  /** A request whose body of `length` bytes never ends: what the coordinator answers, and that it closes. */
  async function halfSent(head: string, length = HUGE): Promise<string> {
    const socket = await open();
    socket.write(
      `${head} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n{"a":"${'x'.repeat(1000)}`,
    );
    return untilClosed(socket);
  }

  async function open(): Promise<Socket> {
    const socket = connect(port(), '127.0.0.1').on('error', () => undefined);
    await new Promise((opened) => socket.once('connect', opened).once('close', opened));
    return socket;
  }

  async function untilClosed(socket: Socket): Promise<string> {
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    // A reset is one way to be closed: `once` would reject on it.
    if (!socket.closed) await new Promise((closed) => socket.once('close', closed));
    return answer;
  }

  it.each([
    ['without a token', 'POST /v1/runs', 401],
    ['to a site’s route without a signature', 'POST /v1/site/status', 401],
    ['to a path nobody serves', 'POST /v1/nothing', 404],
    ['to enrolment, which is open but small', 'POST /v1/enrol', 413],
  ])('many large bodies %s are refused before they are read', async (_, head, status) => {
    Object.assign(bodies, { begun: 0, parsed: 0 });
    const answers = await Promise.all(Array.from({ length: 32 }, () => halfSent(head)));
    for (const answer of answers) expect(answer).toContain(`HTTP/1.1 ${status} `);
    // Enrolment asks for no credentials: its body is refused by the length it states.
    expect(bodies).toEqual({ begun: status === 413 ? 32 : 0, parsed: 0 });
  });

  it('a body that states no length is read up to the limit of its route', async () => {
    Object.assign(bodies, { begun: 0, parsed: 0 });
    const socket = await open();
    socket.write(
      'POST /v1/enrol HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    for (let i = 0; i < 64; i++) socket.write(chunk);
    expect(await untilClosed(socket)).toContain('HTTP/1.1 413 ');
    expect(bodies).toEqual({ begun: 1, parsed: 0 });
  });

  it('a head that comes slowly, or never, is ended', async () => {
    const silent = await open();
    const slow = await open();
    slow.write('GET /v1/health/live HTTP/1.1\r\nhost: ');
    const dripping = setInterval(() => slow.write('x'), 50);
    const answers = await Promise.all([untilClosed(silent), untilClosed(slow)]);
    clearInterval(dripping);
    for (const answer of answers) expect(answer === '' || answer.startsWith('HTTP/1.1 408 ')).toBe(true);
  });

  it('a body of an open route that comes slowly is ended', async () => {
    expect(await halfSent('POST /v1/enrol', 1100)).toBe('');
  });

  it('more connections than the cap are closed, and a free place is given again', async () => {
    const sockets = await Promise.all(Array.from({ length: LIMITS.maxConnections + 20 }, () => open()));
    await until('one too many to be closed', () => Promise.resolve(sockets.some((socket) => socket.closed)));
    for (const socket of sockets) socket.destroy();
    await until('a free place', () =>
      fetch(new URL('/v1/health/live', coordinator.url)).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  });
});

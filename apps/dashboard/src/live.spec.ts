import { describe, expect, it } from 'vitest';
import { CodedError, type KoinonEvent } from '@koinon/contracts';
import { backoffMs, follow, readEvents, type LiveState } from './live.js';

const event: KoinonEvent = {
  topic: 'round',
  id: 'r1',
  runId: '0f8b1f6e-4d5c-4b7a-9c1d-2e3f4a5b6c7d',
  at: '2026-11-23T06:00:00Z',
};
const line = `data: ${JSON.stringify(event)}`;

function streamOf(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
      controller.close();
    },
  });
}

async function read(...chunks: (string | Uint8Array)[]): Promise<KoinonEvent[]> {
  const events: KoinonEvent[] = [];
  await readEvents(streamOf(...chunks), (e) => events.push(e));
  return events;
}

describe('readEvents', () => {
  it('reads events cut at any byte', async () => {
    const bytes = new TextEncoder().encode(`: hello\n\nevent: change\r\n${line}\r\n\r\n${line.replace('r1', 'é')}\n\n`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const ids = (await read(bytes.slice(0, cut), bytes.slice(cut))).map((e) => e.id);
      expect(ids, `cut at ${cut}`).toEqual(['r1', 'é']);
    }
  });
  it('joins the data lines of one event', async () => {
    const [head, tail] = [line.slice(0, 20), line.slice(20)];
    expect(await read(`${head}\ndata:${tail}\n\n`)).toEqual([]);
    const pretty = JSON.stringify(event, null, 1)
      .split('\n')
      .map((l) => `data: ${l}`)
      .join('\n');
    expect(await read(`${pretty}\n\n`)).toEqual([event]);
  });
  it('leaves out what it does not know and an event without its end', async () => {
    expect(await read('data: {"topic":"moon"}\n\ndata: not json\n\n', `${line}\n\n`, line)).toEqual([event]);
  });
});

describe('follow', () => {
  it('reconnects with growing pauses, starting over after success', async () => {
    const stop = new AbortController();
    const pauses: number[] = [];
    const states: LiveState[] = [];
    const answers = ['fails', 'fails', 'opens', 'fails'];
    await follow(
      {
        open: () =>
          answers.shift() === 'opens'
            ? Promise.resolve(streamOf())
            : Promise.reject(new CodedError('COORDINATOR_UNREACHABLE')),
        onEvent: () => {},
        onState: (state) => states.push(state),
        pause: (ms) => {
          pauses.push(ms);
          if (answers.length === 0) stop.abort();
          return Promise.resolve();
        },
      },
      stop.signal,
    );
    expect(pauses).toEqual([500, 1000, 500, 1000]);
    expect(states).toEqual(['connecting', 'reconnecting', 'reconnecting', 'live', 'reconnecting', 'reconnecting']);
  });
  it('stops when the token is refused', async () => {
    const states: LiveState[] = [];
    await follow(
      {
        open: () => Promise.reject(new CodedError('UNAUTHENTICATED')),
        onEvent: () => {},
        onState: (state) => states.push(state),
        pause: () => Promise.reject(new Error('must not try again')),
      },
      new AbortController().signal,
    );
    expect(states).toEqual(['connecting']);
  });
  it('never pauses longer than 15 seconds', () => {
    expect(Math.max(...Array.from({ length: 2000 }, (_, i) => backoffMs(i)))).toBe(15_000);
  });
});

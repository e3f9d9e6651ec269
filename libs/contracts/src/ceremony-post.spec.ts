import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFor, postHead, readInbox, readPost } from './ceremony-post.js';
import type { Envelope } from './envelope.js';
import { CodedError } from './errors.js';
import { MAX_FRAME_BYTES, framed, readFrames } from './frames.js';

const joined = (frames: Iterable<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat([...framed(frames)]));
const statement: Envelope = {
  payloadType: 'application/vnd.test',
  payload: 'QUJD',
  signatures: [{ keyid: 'k', sig: 'QUJD' }],
};
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
const all = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
};
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  );

describe('frames', () => {
  it('come out as they went in, however the stream was cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 80 }),
        async (frames, size) => {
          expect(await all(readFrames(inPieces(joined(frames), size), 6))).toEqual(frames);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });

  it('are refused when empty, cut short, too large or too many, without room being made for what is only announced', async () => {
    const good = joined([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    for (let cut = 1; cut < good.length; cut++) {
      if (cut !== 7) expect(await codeOf(all(readFrames([good.subarray(0, cut)], 2)))).toBe('REQUEST_INVALID');
    }
    expect(await codeOf(all(readFrames([good], 1)))).toBe('BODY_TOO_LARGE');
    expect(await codeOf(all(readFrames([new Uint8Array(4)], 9)))).toBe('REQUEST_INVALID');
    expect(await codeOf(all(readFrames([Uint8Array.of(255, 255, 255, 255)], 9)))).toBe('BODY_TOO_LARGE');
    expect(await all(readFrames([joined([new Uint8Array(MAX_FRAME_BYTES)])], 1))).toHaveLength(1);
    expect(await codeOf(all(readFrames([joined([new Uint8Array(MAX_FRAME_BYTES + 1)])], 1)))).toBe('BODY_TOO_LARGE');
  });
});

describe('a post of a key ceremony', () => {
  const bodies = [Uint8Array.of(1), Uint8Array.of(2, 2)];

  it('is read body by body', async () => {
    const post = await readPost(inPieces(joined([postHead(statement, 2), ...bodies]), 7));
    expect(post.statement).toEqual(statement);
    expect(await all(post.bodies)).toEqual(bodies);
  });

  it('of 64 sites fits, of 65 does not', async () => {
    const many = Array.from({ length: 65 }, (_, i) => Uint8Array.of(i + 1));
    const post = await readPost(inPieces(joined([postHead(statement, 64), ...many.slice(0, 64)]), 4096));
    expect(await all(post.bodies)).toHaveLength(64);
    expect(await codeOf(readPost(inPieces(joined([postHead(statement, 65), ...many]), 4096)))).toBe('REQUEST_INVALID');
  });

  it.each<[string, Uint8Array[]]>([
    ['nothing', []],
    ['a body too few', [postHead(statement, 3), ...bodies]],
    ['a body too many', [postHead(statement, 1), ...bodies]],
    ['a head that is no JSON', [Uint8Array.of(123), ...bodies]],
    ['a head that is no post', [new TextEncoder().encode('{"statement":1,"bodies":2}'), ...bodies]],
  ])('is refused: %s', async (_, frames) => {
    expect(await codeOf((async () => all((await readPost(inPieces(joined(frames), 5))).bodies))())).toBe(
      'REQUEST_INVALID',
    );
  });

  it('stands beside others in an inbox, with the bodies for its reader', async () => {
    const bytes = joined([
      postHead(statement, 0),
      postHead(statement, 2),
      ...bodies,
      postHead(statement, 1),
      bodies[0]!,
    ]);
    expect(await readInbox([bytes])).toEqual([
      { statement, bodies: [] },
      { statement, bodies },
      { statement, bodies: [bodies[0]] },
    ]);
    expect(await readInbox([])).toEqual([]);
    expect(await codeOf(readInbox([joined([postHead(statement, 3), ...bodies])]))).toBe('REQUEST_INVALID');
    expect(await codeOf(readInbox([joined(Array.from({ length: 193 }, () => postHead(statement, 0)))]))).toBe(
      'BODY_TOO_LARGE',
    );
  });

  it('goes to everybody but its sender, or to the one it is addressed to', () => {
    expect(['a', 'b', 'c'].map((reader) => isFor(reader, 'a', {}))).toEqual([false, true, true]);
    expect(['a', 'b', 'c'].map((reader) => isFor(reader, 'a', { to: 'b' }))).toEqual([false, true, false]);
  });
});

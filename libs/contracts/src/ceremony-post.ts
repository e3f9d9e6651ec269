/**
 * What a site posts in one step of a key ceremony, and what the relay hands on of it, as frames: a head with the signed
 * statement and the number of bodies, then these bodies in the statement's order.
 */
import { z } from 'zod';
import { envelopeSchema, type Envelope } from './envelope.js';
import { CodedError } from './errors.js';
import { readFrames } from './frames.js';
import { MAX_KEY_HOLDERS } from './ids.js';
import { parse } from './parse.js';
import type { CeremonyStatement } from './statements.js';

const MAX_POST_FRAMES = 1 + MAX_KEY_HOLDERS;
/** An inbox holds one step: of every key holder a head, a body for all and one for the reader. */
const MAX_INBOX_FRAMES = 3 * MAX_KEY_HOLDERS;

export interface CeremonyPost {
  readonly statement: Envelope;
  /** All bodies where a site posts; in an inbox those for its reader. */
  readonly bodies: readonly Uint8Array[];
}

const headSchema = z.strictObject({ statement: envelopeSchema, bodies: z.int().min(0).max(MAX_KEY_HOLDERS) });

/** Whether the relay hands a message on to `reader`: what it posted itself it has. */
export const isFor = (
  reader: string,
  from: string,
  { to }: Pick<CeremonyStatement['messages'][number], 'to'>,
): boolean => from !== reader && (to === undefined || to === reader);

export const postHead = (statement: Envelope, bodies: number): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ statement, bodies }));

/**
 * One post whose bodies are read as they are asked for.
 * @throws CodedError REQUEST_INVALID, BODY_TOO_LARGE
 */
export async function readPost(
  source: AsyncIterable<Uint8Array>,
): Promise<{ statement: Envelope; bodies: AsyncIterable<Uint8Array> }> {
  const frames = readFrames(source, MAX_POST_FRAMES);
  const first = await frames.next();
  const { statement, bodies } = headOf(first.done ? undefined : first.value);
  return { statement, bodies: exactly(frames, bodies) };
}

/** All posts of an inbox. @throws CodedError REQUEST_INVALID, BODY_TOO_LARGE */
export async function readInbox(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<CeremonyPost[]> {
  const posts: { statement: Envelope; bodies: Uint8Array[] }[] = [];
  let missing = 0;
  for await (const frame of readFrames(source, MAX_INBOX_FRAMES)) {
    if (missing > 0) {
      posts.at(-1)!.bodies.push(frame);
      missing--;
      continue;
    }
    const { statement, bodies } = headOf(frame);
    posts.push({ statement, bodies: [] });
    missing = bodies;
  }
  if (missing > 0) throw new CodedError('REQUEST_INVALID', 'bodies are missing');
  return posts;
}

async function* exactly(frames: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const frame of frames) {
    if (++seen > count) break;
    yield frame;
  }
  if (seen !== count) throw new CodedError('REQUEST_INVALID', 'bodies and their number differ');
}

function headOf(frame: Uint8Array | undefined): z.infer<typeof headSchema> {
  return parse(headSchema, frame === undefined ? undefined : jsonOf(frame));
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new CodedError('REQUEST_INVALID', 'a frame that should be JSON is not');
  }
}

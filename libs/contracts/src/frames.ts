/** Byte strings one after another, each behind its length (u32, little-endian): what JSON would carry as base64. */
import { CodedError } from './errors.js';

/** Largest frame: above the largest message of any scheme's key ceremony, sealed. */
export const MAX_FRAME_BYTES = 512 * 1024;
const LENGTH_BYTES = 4;

/** @param frames each of 1 to MAX_FRAME_BYTES bytes */
export function* framed(frames: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const frame of frames) {
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, frame.length, true);
    yield length;
    yield frame;
  }
}

/**
 * The frames of a stream as they become whole; one is held at a time.
 * @param limit most frames that are taken
 * @throws CodedError REQUEST_INVALID on an empty or unfinished frame, BODY_TOO_LARGE on too large or too many
 */
export async function* readFrames(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const length = new Uint8Array(LENGTH_BYTES);
  let target = length;
  let filled = 0;
  let taken = 0;
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + target.length - filled);
      target.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled < target.length) break;
      filled = 0;
      if (target === length) {
        const bytes = new DataView(length.buffer).getUint32(0, true);
        if (bytes === 0) throw new CodedError('REQUEST_INVALID', 'a frame is empty');
        if (bytes > MAX_FRAME_BYTES || ++taken > limit) throw new CodedError('BODY_TOO_LARGE');
        target = new Uint8Array(bytes);
      } else {
        yield target;
        target = length;
      }
    }
  }
  if (target !== length || filled > 0) throw new CodedError('REQUEST_INVALID', 'the last frame is not whole');
}

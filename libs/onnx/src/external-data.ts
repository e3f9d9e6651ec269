import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { OnnxError } from './error.js';

/** Where a tensor's bytes lie: a file beside the model, and the range in it. */
export interface ExternalRange {
  location: string;
  offset: number;
  length: number | undefined;
}

/** Supplies the bytes of a range; `place` names the tensor for errors. */
export type ExternalData = (range: ExternalRange, place: string) => Uint8Array;

/** Reads the key-value pairs of the specification's external data. @throws OnnxError ONNX_EXTERNAL_DATA(_ESCAPES) */
export function externalRange(pairs: readonly { key: string; value: string }[], place: string): ExternalRange {
  const entries = new Map(pairs.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (escapes(location)) {
    throw new OnnxError('ONNX_EXTERNAL_DATA_ESCAPES', place, 'its data file must lie in the folder of the model');
  }
  return {
    location,
    offset: byteCount(entries.get('offset') ?? '0', place),
    length: optional(entries.get('length'), place),
  };
}

/**
 * Reads ranges of files inside `folder`, and only there: symbolic links are resolved before the check.
 * @throws OnnxError ONNX_EXTERNAL_DATA_ESCAPES, ONNX_EXTERNAL_DATA (missing or too short), ONNX_TOO_LARGE
 */
export function externalDataIn(folder: string, maxBytes: number): ExternalData {
  const root = realpathSync(folder);
  let remaining = maxBytes;
  return ({ location, offset, length }, place) => {
    const path = resolved(join(root, location), place);
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
      throw new OnnxError(
        'ONNX_EXTERNAL_DATA_ESCAPES',
        place,
        'its data file is a link out of the folder of the model',
      );
    }
    const file = opened(path, place);
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new OnnxError('ONNX_EXTERNAL_DATA', place, 'its data file is not a regular file');
      const wanted = length ?? Math.max(0, stat.size - offset);
      if (offset + wanted > stat.size)
        throw new OnnxError('ONNX_EXTERNAL_DATA', place, 'its data file is shorter than the model says');
      remaining -= wanted;
      if (remaining < 0) throw new OnnxError('ONNX_TOO_LARGE', place, 'the external data is larger than the limit');
      const bytes = new Uint8Array(wanted);
      for (let done = 0; done < wanted;) {
        const count = readSync(file, bytes, done, wanted - done, offset + done);
        if (count === 0) throw new OnnxError('ONNX_EXTERNAL_DATA', place, 'its data file was cut while it was read');
        done += count;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  };
}

function escapes(location: string): boolean {
  return (
    location === '' ||
    location.includes('\0') ||
    location.includes('\\') ||
    isAbsolute(location) ||
    normalize(location).split('/').includes('..')
  );
}

function resolved(path: string, place: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw unreadable(place);
  }
}

/** The path is already resolved, so a link there was put in between; a pipe must not block. */
function opened(path: string, place: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    throw unreadable(place);
  }
}

const unreadable = (place: string): OnnxError =>
  new OnnxError('ONNX_EXTERNAL_DATA', place, 'its data file cannot be read');

function optional(text: string | undefined, place: string): number | undefined {
  return text === undefined ? undefined : byteCount(text, place);
}

function byteCount(text: string, place: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value))
    throw new OnnxError('ONNX_EXTERNAL_DATA', place, 'offset and length of external data must be whole numbers');
  return value;
}

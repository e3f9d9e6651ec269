import { crc32, inflateRawSync } from 'node:zlib';
import { NumpyError } from './error.js';
import { readNpy, type NumpyArray } from './npy.js';
import { zipEntries, type ZipEntry } from './zip-directory.js';

export interface NpzLimits {
  /** Bytes of all arrays together once unpacked. */
  readonly maxBytes: number;
}

const STORED = 0;
const DEFLATED = 8;

/**
 * Reads an archive of `numpy.savez` or `numpy.savez_compressed`: every entry by its name without `.npy`.
 * @throws NumpyError NUMPY_MALFORMED, NUMPY_UNSUPPORTED, NUMPY_TOO_LARGE, NUMPY_CHECKSUM
 */
export function readNpz(bytes: Uint8Array, { maxBytes }: NpzLimits = { maxBytes: 2 ** 30 }): Map<string, NumpyArray> {
  const entries = zipEntries(bytes);
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  if (total > maxBytes)
    throw new NumpyError('NUMPY_TOO_LARGE', 'archive', `it unpacks to ${total} bytes, the limit is ${maxBytes}`);
  const arrays = new Map<string, NumpyArray>();
  for (const entry of entries) {
    const place = `entry ${JSON.stringify(entry.name)}`;
    const name = entry.name.replace(/\.npy$/, '');
    if (name === entry.name) throw new NumpyError('NUMPY_UNSUPPORTED', place, 'it is no .npy file');
    if (arrays.has(name)) throw new NumpyError('NUMPY_MALFORMED', place, 'it stands twice in the archive');
    arrays.set(name, readNpy(unpack(entry, place), place));
  }
  return arrays;
}

/** One array of an archive. @throws NumpyError NUMPY_NO_SUCH_ARRAY listing what there is */
export function arrayOf(arrays: ReadonlyMap<string, NumpyArray>, name: string): NumpyArray {
  const array = arrays.get(name);
  if (array === undefined)
    throw new NumpyError(
      'NUMPY_NO_SUCH_ARRAY',
      'archive',
      `it has no array ${JSON.stringify(name)}, only ${[...arrays.keys()].join(', ')}`,
    );
  return array;
}

function unpack({ method, packed, size, checksum }: ZipEntry, place: string): Uint8Array {
  if (method !== STORED && method !== DEFLATED)
    throw new NumpyError('NUMPY_UNSUPPORTED', place, `compression method ${method} is neither stored nor deflated`);
  const data = method === STORED ? packed : inflate(packed, size, place);
  if (data.length !== size)
    throw new NumpyError('NUMPY_MALFORMED', place, `it unpacks to ${data.length} bytes, the directory says ${size}`);
  if (crc32(data) !== checksum)
    throw new NumpyError('NUMPY_CHECKSUM', place, 'its content is damaged; fetch the file again');
  return data;
}

function inflate(packed: Uint8Array, size: number, place: string): Uint8Array {
  try {
    // the bound ends a bomb as soon as it exceeds what the directory says
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch {
    throw new NumpyError('NUMPY_MALFORMED', place, 'its compressed data is broken or longer than the directory says');
  }
}

import { HeError, type HeErrorCode } from './errors.js';
import { headerDigest } from './header.js';
import type { KeyEpochHeader } from './scheme.js';

/**
 * Every byte string of this package starts with the same 16 bytes:
 * "KNHE", format version, kind, bits, 0, and the first 8 bytes of the header digest, which depends on the scheme too, so
 * that nothing of another key epoch, scheme or kind is ever read as something else. Integers are little-endian throughout.
 */
export const PREFIX_BYTES = 16;
const FORMAT_VERSION = 2;
/** Kinds that every scheme has. From 16 on they are a scheme's own, for the messages of its DKG. */
export const KIND = { upload: 1, sum: 2, decryptionShare: 3, confirm: 4, state: 5 } as const;

/** @param kind of `KIND`, or a scheme's own */
export function prefix(header: KeyEpochHeader, kind: number): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES);
  bytes.set([0x4b, 0x4e, 0x48, 0x45, FORMAT_VERSION, kind, header.bits, 0]);
  bytes.set(Buffer.from(headerDigest(header), 'hex').subarray(0, 8), 8);
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The payload behind an expected prefix. @throws HeError with `code` when length or prefix differ */
export function payload(
  bytes: Uint8Array,
  expected: Uint8Array,
  payloadBytes: number,
  code: HeErrorCode,
  site?: string,
): Uint8Array {
  const good =
    bytes instanceof Uint8Array &&
    bytes.length === expected.length + payloadBytes &&
    equal(bytes.subarray(0, expected.length), expected);
  if (!good) throw new HeError(code, 'length or prefix is not that of this key epoch and kind', site);
  // A plain view: on a Buffer, `slice` would not copy.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + expected.length, payloadBytes);
}

/** A copy as u64 words: the source may be unaligned. Every platform this runs on is little-endian, as WebAssembly is. */
export function toWords(bytes: Uint8Array): BigUint64Array {
  const words = new BigUint64Array(bytes.length / 8);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

export function toBytes(array: BigUint64Array | BigInt64Array | Int32Array | Uint32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

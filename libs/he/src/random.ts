import { type KeyObject, createCipheriv, createHash, hkdfSync } from 'node:crypto';
import type { RandomWords } from './ring/ring.js';

/** HKDF-SHA256 (RFC 5869) of a secret key for one purpose. */
export function derive(key: Uint8Array, purpose: string, context: Uint8Array = new Uint8Array(0)): Uint8Array {
  const info = Buffer.concat([Buffer.from(`koinon/he/${purpose}\0`), context]);
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, 32));
}

/** Bytes of AES-256-CTR; streams of one key differ by `stream`, the upper half of the counter block. */
export function keystream(key: Uint8Array | KeyObject, stream = 0): (length: number) => Uint8Array<ArrayBuffer> {
  const counter = new Uint8Array(new BigUint64Array([BigInt(stream), 0n]).buffer);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  return (length) => {
    const bytes = new Uint8Array(length);
    bytes.set(cipher.update(bytes));
    return bytes;
  };
}

export function keystreamWords(key: Uint8Array): RandomWords {
  const stream = keystream(key);
  return (words) => new BigUint64Array(stream(words * 8).buffer);
}

/** Words of SHAKE256 over a public seed (FIPS 202); each call hashes a counter beside it. */
export function publicWords(purpose: string, ...seed: readonly Uint8Array[]): RandomWords {
  let counter = 0;
  return (words) => {
    const hash = createHash('shake256', { outputLength: words * 8 }).update(`koinon/he/${purpose}\0`);
    for (const part of seed) hash.update(part);
    const digest = hash.update(Uint32Array.of(counter++)).digest();
    const result = new BigUint64Array(words);
    new Uint8Array(result.buffer).set(digest);
    return result;
  };
}

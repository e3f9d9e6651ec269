import canonicalize from 'canonicalize';
import { toHex } from './base64.js';

const utf8 = new TextEncoder();

/** JSON in the canonical form of RFC 8785, as UTF-8: the only bytes we sign or hash. */
export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('only JSON values have canonical bytes');
  return utf8.encode(text);
}

/** SHA-256 as 64 lower-case hex characters. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return toHex(new Uint8Array(digest));
}

import canonicalize from 'canonicalize';
import { toHex } from './base64.js';
import { CodedError } from '@koinon/contracts';

const utf8 = new TextEncoder();

/** JSON in the canonical form of RFC 8785, as UTF-8: the only bytes we sign or hash. */
export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  const text = wellFormed(value);
  if (text === undefined) throw new TypeError('only JSON values have canonical bytes');
  return utf8.encode(text);
}

/** @throws CodedError REQUEST_INVALID for half of a surrogate pair, or a number that is none: JSON text may hold what has no bytes */
function wellFormed(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch {
    throw new CodedError('REQUEST_INVALID', 'a text is no valid Unicode, or a number is not finite');
  }
}

/** SHA-256 as 64 lower-case hex characters. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return toHex(new Uint8Array(digest));
}

/**
 * Signed statements: DSSE envelopes (secure-systems-lab/dsse v1) with Ed25519 (RFC 8032) over canonical
 * JSON. One mechanism signs site messages, closed upload lists, releases and lineage. WebCrypto, so that
 * the browser checks what the server signed.
 */
import { z } from 'zod';
import { canonicalBytes, sha256Hex } from './canonical.js';
import { fromBase64, toBase64 } from './base64.js';
import { type Envelope, CodedError, parse } from '@koinon/contracts';

/** An Ed25519 key pair. `publicKey` is the 32 raw bytes in base64; `keyFingerprint` their SHA-256. */
export interface Signer {
  readonly publicKey: string;
  readonly keyFingerprint: string;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

const utf8 = new TextEncoder();
const PAIR_CHECK = 'application/vnd.koinon.pair-check.v1+json';
const ED25519 = { name: 'Ed25519' } as const;

/** The pre-authentication encoding of the DSSE protocol: what is signed. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = utf8.encode(payloadType);
  const head = utf8.encode(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  const out = new Uint8Array(head.length + payload.length);
  out.set(head);
  out.set(payload, head.length);
  return out;
}

export async function keyFingerprintOf(publicKey: string): Promise<string> {
  return sha256Hex(fromBase64(publicKey));
}

/** @param pkcs8 the private key, PKCS #8 DER. @throws CodedError KEY_UNUSABLE when the two are not a pair of keys */
export async function signerFrom(pkcs8: Uint8Array, publicKey: string): Promise<Signer> {
  try {
    const key = await crypto.subtle.importKey('pkcs8', pkcs8 as Uint8Array<ArrayBuffer>, ED25519, false, ['sign']);
    const sign = async (bytes: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign(ED25519, key, bytes as Uint8Array<ArrayBuffer>));
    const signer = { publicKey, keyFingerprint: await keyFingerprintOf(publicKey), sign };
    await verifyStatement(await signStatement(PAIR_CHECK, {}, signer), PAIR_CHECK, z.strictObject({}), publicKey);
    return signer;
  } catch {
    // The cause may quote the key.
    throw new CodedError('KEY_UNUSABLE', 'not a pair of signing keys');
  }
}

/** A fresh key pair: the private key as PKCS #8 DER and the raw public key in base64. */
export async function generateSigningKey(): Promise<{ pkcs8: Uint8Array; publicKey: string }> {
  const pair = await crypto.subtle.generateKey(ED25519, true, ['sign', 'verify']);
  return {
    pkcs8: new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey)),
    publicKey: toBase64(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))),
  };
}

export async function signStatement(payloadType: string, statement: unknown, signer: Signer): Promise<Envelope> {
  const payload = canonicalBytes(statement);
  const sig = await signer.sign(preAuthEncoding(payloadType, payload));
  return {
    payloadType,
    payload: toBase64(payload),
    signatures: [{ keyid: signer.keyFingerprint, sig: toBase64(sig) }],
  };
}

/**
 * Checks the signature, then that the payload is canonical, then the schema.
 * @throws CodedError SIGNATURE_INVALID or REQUEST_INVALID
 */
export async function verifyStatement<T>(
  envelope: Envelope,
  payloadType: string,
  schema: z.ZodType<T>,
  publicKey: string,
): Promise<T> {
  if (envelope.payloadType !== payloadType) throw new CodedError('SIGNATURE_INVALID', 'statement of another type');
  const payload = await verified(envelope, publicKey).catch(() => null);
  if (!payload) throw new CodedError('SIGNATURE_INVALID');
  return parse(schema, jsonOf(payload));
}

/** The payload when the signature holds; throws on keys and base64 that are none. */
async function verified(
  { payloadType, payload: text, signatures }: Envelope,
  publicKey: string,
): Promise<Uint8Array | null> {
  const key = await crypto.subtle.importKey('raw', fromBase64(publicKey), ED25519, false, ['verify']);
  const payload = fromBase64(text);
  const holds = await crypto.subtle.verify(
    ED25519,
    key,
    fromBase64(signatures[0]!.sig),
    preAuthEncoding(payloadType, payload),
  );
  return holds ? payload : null;
}

/**
 * The value behind canonical bytes and no others: a name written twice, or a number in another form, might be read
 * differently by another reader of the same signature.
 */
function jsonOf(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
    const canonical = canonicalBytes(value);
    if (canonical.length === payload.length && canonical.every((byte, i) => byte === payload[i])) return value;
  } catch {
    // No JSON, or none with a canonical form: refused like the rest.
  }
  throw new CodedError('REQUEST_INVALID', 'the signed payload is not canonical JSON');
}

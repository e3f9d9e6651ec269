/** What this module uses of Node's Buffer: a hundred times faster than the loops a browser is left with. */
interface NativeCodec {
  from(text: string, encoding: 'base64'): Uint8Array<ArrayBuffer>;
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): { toString(encoding: 'base64'): string };
}
const native = (globalThis as { Buffer?: NativeCodec }).Buffer;

/** Standard base64 with padding (RFC 4648 section 4); strict in both directions. */
export function toBase64(bytes: Uint8Array): string {
  if (native) return native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

/** @throws TypeError when the text is not canonical base64 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = native
    ? new Uint8Array(native.from(text, 'base64'))
    : Uint8Array.from(decoded(text), (c) => c.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new TypeError('not canonical base64');
  return bytes;
}

function decoded(text: string): string {
  try {
    return atob(text);
  } catch {
    throw new TypeError('not canonical base64');
  }
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

import { StrategyError } from './errors.js';
import type { StrategyState } from './strategy.js';

/**
 * The state as bytes: a little-endian u32 header length, a JSON header [[name, length], …] with names in order, then
 * all values as little-endian float64. Equal states have equal bytes.
 */
export function encodeState(state: StrategyState): Uint8Array {
  const names = Object.keys(state).sort();
  const header = new TextEncoder().encode(JSON.stringify(names.map((name) => [name, state[name]!.length])));
  const values = names.reduce((sum, name) => sum + state[name]!.length, 0);
  const bytes = new Uint8Array(4 + header.length + 8 * values);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.length, true);
  bytes.set(header, 4);
  let offset = 4 + header.length;
  for (const name of names) {
    for (const value of state[name]!) {
      view.setFloat64(offset, value, true);
      offset += 8;
    }
  }
  return bytes;
}

/** Inverse of `encodeState`. @throws StrategyError STRATEGY_STATE_INVALID unless the bytes are exactly one state. */
export function decodeState(bytes: Uint8Array): StrategyState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = bytes.length < 4 ? Infinity : 4 + view.getUint32(0, true);
  if (headerEnd > bytes.length) throw damaged();
  const entries = parseHeader(bytes.subarray(4, headerEnd));
  const values = entries.reduce((sum, [, length]) => sum + length, 0);
  if (headerEnd + 8 * values !== bytes.length) throw damaged();
  let offset = headerEnd;
  return Object.fromEntries(
    entries.map(([name, length]) => {
      const vector = Float64Array.from({ length }, (_, i) => view.getFloat64(offset + 8 * i, true));
      offset += 8 * length;
      return [name, vector];
    }),
  );
}

function parseHeader(bytes: Uint8Array): [name: string, length: number][] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged();
  }
  if (!Array.isArray(header) || !header.every(isEntry)) throw damaged();
  return header;
}

function isEntry(value: unknown): value is [string, number] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [name, length] = value as [unknown, unknown];
  return typeof name === 'string' && Number.isSafeInteger(length) && (length as number) >= 0;
}

function damaged(): StrategyError {
  return new StrategyError('STRATEGY_STATE_INVALID', 'the stored strategy state is damaged; start a new run with init');
}

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NumpyError } from './error.js';
import { arrayOf, readNpz } from './npz.js';

const archive = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../kat/${name}.npz`, import.meta.url)));

function codeOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof NumpyError) return error.code;
    throw error;
  }
  return 'none';
}

/** Offset of the first occurrence of four bytes, as they stand in the file. */
function find(bytes: Uint8Array, signature: readonly number[]): number {
  return bytes.findIndex((_, at) => signature.every((byte, index) => bytes[at + index] === byte));
}

const centralDirectory = [0x50, 0x4b, 1, 2];
const endRecord = [0x50, 0x4b, 5, 6];

function changed(name: string, signature: readonly number[], offset: number, values: readonly number[]): Uint8Array {
  const bytes = archive(name);
  bytes.set(values, find(bytes, signature) + offset);
  return bytes;
}

describe('readNpz', () => {
  it.each(['deflated', 'stored'])('reads the %s archive', (name) => {
    expect([...readNpz(archive(name))]).toEqual([
      ['grey', { type: '|u1', dims: [2, 3], data: Uint8Array.of(0, 1, 2, 253, 254, 255) }],
      ['weights', { type: '<f4', dims: [4], data: Float32Array.of(-1.5, 0, 0.25, 3e38) }],
      ['labels', { type: '<i8', dims: [2, 1], data: BigInt64Array.of(-1n, 2n ** 40n) }],
      ['scalar', { type: '<f8', dims: [], data: Float64Array.of(0.1) }],
    ]);
  });

  it('reads from a Buffer that shares its memory with others', () => {
    const room = Buffer.concat([Buffer.from('xyz'), archive('deflated')]);
    expect(arrayOf(readNpz(room.subarray(3)), 'weights').data).toEqual(Float32Array.of(-1.5, 0, 0.25, 3e38));
  });

  it('says which arrays there are', () => {
    expect(() => arrayOf(readNpz(archive('stored')), 'gray')).toThrow(
      'it has no array "gray", only grey, weights, labels, scalar',
    );
  });

  it.each([
    ['an encrypted entry', changed('stored', centralDirectory, 8, [1]), 'NUMPY_UNSUPPORTED'],
    ['an unknown compression', changed('stored', centralDirectory, 10, [12]), 'NUMPY_UNSUPPORTED'],
    ['another checksum', changed('deflated', centralDirectory, 16, [1, 2, 3, 4]), 'NUMPY_CHECKSUM'],
    ['a size below what it unpacks to', changed('deflated', centralDirectory, 24, [5, 0, 0, 0]), 'NUMPY_MALFORMED'],
    ['a size above what it unpacks to', changed('deflated', centralDirectory, 24, [0, 1, 0, 0]), 'NUMPY_MALFORMED'],
    ['a size of 4 GiB', changed('deflated', centralDirectory, 24, [255, 255, 255, 255]), 'NUMPY_UNSUPPORTED'],
    ['a local header elsewhere', changed('stored', centralDirectory, 42, [9]), 'NUMPY_MALFORMED'],
    [
      'an entry with no .npy name',
      changed('stored', centralDirectory, 46, [0x2e, 0x2e, 0x2f, 0x61, 0x61, 0x61, 0x61, 0x61]),
      'NUMPY_UNSUPPORTED',
    ],
    ['fewer entries than stand there', changed('stored', endRecord, 8, [3, 0, 3, 0]), 'NUMPY_MALFORMED'],
    ['more entries than stand there', changed('stored', endRecord, 8, [5, 0, 5, 0]), 'NUMPY_MALFORMED'],
    ['parts', changed('stored', endRecord, 4, [1]), 'NUMPY_UNSUPPORTED'],
    ['half a file', archive('stored').subarray(0, 500), 'NUMPY_MALFORMED'],
    ['nothing', new Uint8Array(), 'NUMPY_MALFORMED'],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(() => readNpz(bytes))).toBe(code);
  });

  it('refuses an archive that unpacks to more than the limit, before it unpacks it', () => {
    expect(codeOf(() => readNpz(archive('deflated'), { maxBytes: 500 }))).toBe('NUMPY_TOO_LARGE');
    expect(codeOf(() => readNpz(archive('deflated'), { maxBytes: 600 }))).toBe('none');
  });

  it('refuses two entries of one name', () => {
    const renamed = Buffer.from(
      Buffer.from(archive('stored')).toString('latin1').replaceAll('scalar.npy', 'labels.npy'),
      'latin1',
    );
    expect(() => readNpz(renamed)).toThrow('entry "labels.npy": it stands twice in the archive');
  });

  it('refuses entries that share their bytes', () => {
    const bytes = archive('stored');
    const view = new DataView(bytes.buffer);
    const directory = find(bytes, centralDirectory);
    // the last entry is made to begin at the first one's data and to reach to the directory
    const last = bytes.findLastIndex((_, at) => centralDirectory.every((byte, index) => bytes[at + index] === byte));
    view.setUint32(last + 42, 0, true);
    view.setUint32(last + 20, directory - 100, true);
    expect(() => readNpz(bytes)).toThrow('its entries overlap');
  });

  it('answers every single-bit error with the same arrays or a coded refusal', () => {
    const bytes = archive('deflated');
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(() => readNpz(flipped))).toMatch(/^(none|NUMPY_[A-Z_]+)$/);
    }
  });
});

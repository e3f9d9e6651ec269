import { describe, expect, it } from 'vitest';
import { NumpyError } from './error.js';
import { readNpy } from './npy.js';

/** A .npy file with this header literal and this data. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const length = version === 1 ? [text.length & 0xff, text.length >> 8] : [text.length & 0xff, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...data]);
}

const literal = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }  `;

function codeOf(bytes: Uint8Array): string {
  try {
    readNpy(bytes);
  } catch (error) {
    if (error instanceof NumpyError) return error.code;
    throw error;
  }
  return 'none';
}

describe('readNpy', () => {
  it.each([1, 2, 3])('reads format version %i', (version) => {
    const array = readNpy(npy(literal('<u2', '(3,)'), Uint8Array.of(1, 0, 0, 1, 255, 255), version));
    expect(array).toEqual({ type: '<u2', dims: [3], data: Uint16Array.of(1, 256, 65_535) });
  });

  it('reads data at an odd address of a larger buffer', () => {
    const file = npy(literal('<f4', '(1, 2)'), new Uint8Array(Float32Array.of(0.5, -3).buffer));
    const room = Buffer.alloc(file.length + 9, 7);
    room.set(file, 1);
    expect(readNpy(room.subarray(1, 1 + file.length))).toEqual({
      type: '<f4',
      dims: [1, 2],
      data: Float32Array.of(0.5, -3),
    });
  });

  it('reads scalars, empty arrays and the order that one dimension cannot have', () => {
    expect(readNpy(npy(literal('|b1', '()'), Uint8Array.of(1)))).toEqual({
      type: '|b1',
      dims: [],
      data: Uint8Array.of(1),
    });
    expect(readNpy(npy(literal('<i8', '(0, 4)'), new Uint8Array())).dims).toEqual([0, 4]);
    expect(readNpy(npy(literal('|u1', '(2,)', 'True'), Uint8Array.of(3, 4))).data).toEqual(Uint8Array.of(3, 4));
  });

  it.each([
    ['nothing', new Uint8Array(), 'NUMPY_MALFORMED'],
    ['another magic', Uint8Array.from({ length: 64 }, () => 0x50), 'NUMPY_MALFORMED'],
    ['version 4', npy(literal('|u1', '(1,)'), Uint8Array.of(1), 4), 'NUMPY_UNSUPPORTED'],
    ['a header beyond the end', npy(literal('|u1', '(1,)'), Uint8Array.of(1)).subarray(0, 40), 'NUMPY_MALFORMED'],
    [
      'a header that is no literal',
      npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,), }", Uint8Array.of(1)),
      'NUMPY_MALFORMED',
    ],
    ['pickled objects', npy(literal('|O', '(1,)'), Uint8Array.of(1)), 'NUMPY_UNSUPPORTED'],
    ['a name of Object.prototype', npy(literal('constructor', '(1,)'), Uint8Array.of(1)), 'NUMPY_UNSUPPORTED'],
    ['big-endian numbers', npy(literal('>f4', '(1,)'), new Uint8Array(4)), 'NUMPY_UNSUPPORTED'],
    ['Fortran order', npy(literal('|u1', '(2, 2)', 'True'), new Uint8Array(4)), 'NUMPY_UNSUPPORTED'],
    ['too little data', npy(literal('<f4', '(2,)'), new Uint8Array(7)), 'NUMPY_MALFORMED'],
    ['too much data', npy(literal('<f4', '(2,)'), new Uint8Array(12)), 'NUMPY_MALFORMED'],
    [
      'a shape beyond counting',
      npy(literal('|u1', '(99999999999, 99999999999)'), new Uint8Array(1)),
      'NUMPY_MALFORMED',
    ],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });
});

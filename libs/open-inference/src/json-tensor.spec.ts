import { describe, expect, it } from 'vitest';
import type { Datatype } from '@koinon/inference';
import { readJsonTensor, toJsonData } from './json-tensor.js';

const read = (datatype: Datatype, shape: number[], data: unknown) => readJsonTensor('x', datatype, shape, data).data;
const refused = { code: 'TENSOR_INVALID' };

describe('readJsonTensor', () => {
  it('reads flat and nested values into the same row-major tensor', () => {
    expect(read('FP32', [2, 3], [1, 2, 3, 4, 5, 6])).toEqual(new Float32Array([1, 2, 3, 4, 5, 6]));
    expect(
      read(
        'FP32',
        [2, 3],
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ),
    ).toEqual(new Float32Array([1, 2, 3, 4, 5, 6]));
    expect(
      read(
        'INT8',
        [1, 2, 2],
        [
          [
            [1, -2],
            [3, -4],
          ],
        ],
      ),
    ).toEqual(new Int8Array([1, -2, 3, -4]));
    expect(read('FP64', [], [0.1])).toEqual(new Float64Array([0.1]));
  });

  it.each([
    ['too few', [1, 2, 3]],
    ['too many', [1, 2, 3, 4, 5]],
    ['ragged', [[1, 2], [3]]],
    [
      'nested too deeply',
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    ['nested in one row only', [[1, 2], 3]],
    ['an object', { 0: 1 }],
    ['null', null],
    ['a hole of null', [1, null, 3, 4]],
    ['text', [1, '2', 3, 4]],
    ['more than FP32 holds', [1, 2, 3, 1e39]],
    ['infinite', JSON.parse('[1, 2, 3, 1e999]')],
  ])('refuses %s', (_what, data) => {
    expect(() => read('FP32', [2, 2], data)).toThrow(expect.objectContaining(refused));
  });

  it('keeps integers within their range and booleans boolean', () => {
    expect(read('UINT8', [2], [0, 255])).toEqual(new Uint8Array([0, 255]));
    expect(read('INT64', [1], [-5])).toEqual(new BigInt64Array([-5n]));
    expect(read('BOOL', [2], [true, false])).toEqual(new Uint8Array([1, 0]));
    for (const [datatype, value] of [
      ['UINT8', 256],
      ['UINT8', -1],
      ['INT32', 0.5],
      ['INT64', 2 ** 53],
      ['BOOL', 1],
    ] as const) {
      expect(() => read(datatype, [1], [value])).toThrow(expect.objectContaining(refused));
    }
  });

  it('says where the fault is and not what was there', () => {
    expect(() => read('FP32', [1, 2], [[1, 'secret']])).toThrow(
      /^Input "x": value 1 \(counted from 0\) must be a finite number within the range of FP32\.$/,
    );
  });
});

describe('toJsonData', () => {
  it('refuses what JSON cannot carry', () => {
    const tensor = (datatype: Datatype, data: Float32Array | BigInt64Array) => ({ datatype, shape: [1], data });
    expect(() => toJsonData('y', tensor('FP32', new Float32Array([Number.NaN])))).toThrow(
      expect.objectContaining({ code: 'OUTPUT_INVALID' }),
    );
    expect(() => toJsonData('y', tensor('INT64', new BigInt64Array([2n ** 60n])))).toThrow(
      expect.objectContaining({ code: 'OUTPUT_INVALID' }),
    );
    expect(toJsonData('y', tensor('INT64', new BigInt64Array([-7n])))).toEqual([-7]);
  });

  it('gives booleans back as booleans', () => {
    expect(toJsonData('y', { datatype: 'BOOL', shape: [2], data: new Uint8Array([1, 0]) })).toEqual([true, false]);
  });
});

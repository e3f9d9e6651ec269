import { describe, expect, it } from 'vitest';
import type { Node } from '../index.js';
import { elementsOf, workOf } from './constant-work.js';

const shapes: Record<string, number[]> = {
  a: [200, 6_400],
  b: [6_400, 300],
  product: [200, 300],
  image: [1, 3, 64, 64],
  kernel: [8, 3, 5, 5],
  maps: [1, 8, 60, 60],
  flags: [7, 9],
};
const dimsOf = (name: string): number[] | undefined => shapes[name];
const node = (op: string, inputs: string[], outputs: string[], domain = ''): Node => ({
  op,
  domain,
  name: '',
  inputs,
  outputs,
  attributes: {},
});
const count = (...names: string[]): number =>
  names.reduce((sum, name) => sum + shapes[name]!.reduce((product, dim) => product * dim, 1), 0);

describe('workOf', () => {
  it('is the touched elements for an operator that is linear in them', () => {
    expect(workOf(node('Transpose', ['a'], ['a']), dimsOf)).toBe(2 * count('a'));
  });

  it.each([
    ['MatMul', ['a', 'b'], ['product'], 200 * 300 * 6_400],
    ['Gemm', ['a', 'b', ''], ['product'], 200 * 300 * 6_400],
    ['Conv', ['image', 'kernel'], ['maps'], 8 * 60 * 60 * 3 * 5 * 5],
    ['Einsum', ['a', 'b'], ['product'], 200 * 300 * 6_400],
  ])('of %s is no less than its products, at 64 to a touched element', (op, inputs, outputs, products) => {
    expect(workOf(node(op, inputs, outputs), dimsOf)).toBeGreaterThanOrEqual(products / 64);
  });

  it('of an operator from elsewhere is not taken for that of a standard one', () => {
    expect(workOf(node('Add', ['a'], ['a'], 'com.example'), dimsOf)).toBeGreaterThan(2 * count('a'));
  });

  it('is not known while a size is not', () => {
    expect(workOf(node('Add', ['a', 'later'], ['a']), dimsOf)).toBeUndefined();
  });
});

describe('elementsOf', () => {
  it('bounds what an operator may select', () => {
    expect(elementsOf(node('NonZero', ['flags'], ['found']), 'found', dimsOf)).toBe(2 * 7 * 9);
    expect(elementsOf(node('NonZero', ['later'], ['found']), 'found', dimsOf)).toBeUndefined();
  });
});

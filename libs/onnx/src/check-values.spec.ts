import { describe, expect, it } from 'vitest';
import { attr } from './index.js';
import type { Graph } from './index.js';
import { logisticModel } from './models.fixture.js';
import { altered, node, refusal } from './refusal.fixture.js';

describe('the check of names, tensors and declared shapes', () => {
  it.each<[string, (graph: Graph) => void, string, string]>([
    [
      'a weight that is not a number',
      ({ initializers }) => {
        initializers.get('weight')!.data[1] = NaN;
      },
      'ONNX_NON_FINITE',
      'initializer "weight"',
    ],
    [
      'an infinite weight',
      ({ initializers }) => {
        initializers.get('weight')!.data[2] = -Infinity;
      },
      'ONNX_NON_FINITE',
      'initializer "weight"',
    ],
    [
      'an attribute that is not a number',
      ({ nodes }) => nodes.push(node('Elu', ['x'], ['y'], { alpha: attr.float(NaN) })),
      'ONNX_NON_FINITE',
      'node "the Elu" (Elu)',
    ],
    [
      'a 16-bit weight that is not a number',
      ({ initializers }) =>
        initializers.set('half', { name: 'half', type: 'float16', dims: [2], data: new Uint16Array([0x3c00, 0x7e01]) }),
      'ONNX_NON_FINITE',
      'initializer "half"',
    ],
    [
      'a tensor of another size than its shape',
      ({ initializers }) => {
        initializers.get('bias')!.dims = [2];
      },
      'ONNX_SIZE_MISMATCH',
      'initializer "bias"',
    ],
    [
      'an open axis behind the batch',
      ({ inputs }) => {
        inputs[0]!.dims = ['batch', 'features'];
      },
      'ONNX_OPEN_SHAPE',
      'input "x"',
    ],
    [
      'an unstated rank',
      ({ inputs }) => {
        delete inputs[0]!.dims;
      },
      'ONNX_OPEN_SHAPE',
      'input "x"',
    ],
    [
      'an unstated element type',
      ({ inputs }) => {
        delete inputs[0]!.type;
      },
      'ONNX_UNSUPPORTED_TYPE',
      'input "x"',
    ],
    [
      'an enormous input',
      ({ inputs }) => {
        inputs[0]!.dims = [2 ** 20, 2 ** 20];
      },
      'ONNX_TOO_LARGE',
      'input "x"',
    ],
    [
      'an enormous constant',
      ({ nodes, initializers }) => {
        initializers.set('shape', {
          name: 'shape',
          type: 'int64',
          dims: [2],
          data: new BigInt64Array([2n ** 30n, 2n ** 30n]),
        });
        nodes.push(node('ConstantOfShape', ['shape'], ['huge']));
      },
      'ONNX_TOO_LARGE',
      'node "the ConstantOfShape" (ConstantOfShape)',
    ],
    [
      'an enormous padding',
      ({ nodes }) => nodes.push(node('AveragePool', ['x'], ['y'], { pads: attr.ints([2 ** 40, 0]) })),
      'ONNX_TOO_LARGE',
      'node "the AveragePool" (AveragePool)',
    ],
    [
      'an initializer without a name',
      ({ initializers }) => initializers.set('', initializers.get('bias')!),
      'ONNX_MISSING_NAME',
      'initializer ""',
    ],
    [
      'an endless name of a weight',
      ({ initializers }) => initializers.set('n'.repeat(1_001), initializers.get('bias')!),
      'ONNX_TOO_LARGE',
      `initializer "${'n'.repeat(79)}…"`,
    ],
    [
      'an endless name of a value',
      ({ nodes }) => nodes.push(node('Relu', ['x'], ['n'.repeat(1_001)])),
      'ONNX_TOO_LARGE',
      'node "the Relu" (Relu)',
    ],
    [
      'an endless name of a node',
      ({ nodes }) => nodes.push({ ...node('Relu', ['x'], ['y']), name: 'n'.repeat(1_001) }),
      'ONNX_TOO_LARGE',
      `node "${'n'.repeat(79)}…" (Relu)`,
    ],
    [
      'an endless name of a dimension',
      ({ inputs }) => {
        inputs[0]!.dims = ['n'.repeat(1_001), 3];
      },
      'ONNX_TOO_LARGE',
      `input "x", dimension "${'n'.repeat(79)}…"`,
    ],
  ])('refuses %s', (_, change, code, place) => {
    expect(refusal(altered(change))).toEqual({ code, place });
  });

  it('accepts infinities as scalar bounds and open axes where they are allowed', () => {
    const bounded = altered(({ initializers, nodes, outputs }) => {
      initializers.set('highest', { name: 'highest', type: 'float32', dims: [], data: new Float32Array([Infinity]) });
      nodes.push(node('Clip', ['logit', '', 'highest'], ['y']));
      outputs.push({ name: 'y' });
    });
    expect(refusal(bounded).code).toBe('accepted');
    const open = altered(({ inputs }) => {
      inputs[0]!.dims = ['batch', 'features'];
    });
    expect(refusal(open, { openDims: 'any' }).code).toBe('accepted');
    expect(refusal(logisticModel(), { openDims: 'none' }).code).toBe('ONNX_OPEN_SHAPE');
  });
});

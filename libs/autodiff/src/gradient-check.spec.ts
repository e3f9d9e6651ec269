import { GraphBuilder, attr, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { checkGradients } from './index.js';
import { randomSource, uniform } from './random.js';

function classifier(scale: number): Model {
  const random = randomSource(9);
  const graph = new GraphBuilder('classifier');
  const x = graph.input('x', 'float32', ['batch', 1, 6, 6]);
  graph.initializer('w', 'float32', [4, 1, 3, 3], uniform(random, 36, -scale, scale));
  graph.initializer('fc', 'float32', [16, 3], uniform(random, 48));
  graph.initializer('b', 'float32', [3], uniform(random, 3));
  const features = graph.op('MaxPool', [graph.op('Relu', [graph.op('Conv', [x, 'w'])])], { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) });
  graph.op('Gemm', [graph.op('Flatten', [features]), 'fc', 'b'], {}, 'logits');
  graph.output('logits');
  return graph.model();
}

const options = { trainable: ['w', 'fc', 'b'], output: 'logits', loss: 'cross-entropy', batch: 4 } as const;

describe('checkGradients', () => {
  it('finds correct gradients correct, although the network has kinks', async () => {
    const checks = await checkGradients(classifier(1), options);
    expect(checks.map(({ parameter, compared }) => [parameter, compared])).toEqual([['w', 20], ['fc', 20], ['b', 3]]);
    expect(Math.max(...checks.map(({ difference }) => difference))).toBeLessThan(3e-3);
  });

  it('finds a gradient wrong where none exists', async () => {
    // every convolution gives exactly 0, the kink of Relu: its rule says 0, the finite difference half the slope
    const [w, , b] = await checkGradients(classifier(0), options);
    expect(w!.difference).toBeGreaterThan(0.05);
    expect(b!.difference).toBeLessThan(3e-3);
  });
});

import { GraphBuilder, attr, decodeModel } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { Logistic } from '../test/logistic.js';
import { gradientOf, options, small } from '../test/small-model.js';
import { trainer } from '../test/training-run.js';
import { trainingGraph } from './index.js';

describe('a training graph', () => {
  it('is made of standard operators only and keeps nothing behind the logits', async () => {
    const problem = new Logistic(3, 4);
    const { bytes } = await trainingGraph(
      problem.model(),
      problem.options({ optimizer: { kind: 'adam' }, clipping: {}, localSteps: 2 }),
    );
    const { graph, opsets } = decodeModel(bytes);
    expect([...opsets.keys()]).toEqual(['']);
    expect(graph.nodes.every(({ domain }) => domain === '')).toBe(true);
    expect(JSON.stringify(graph.nodes.map(({ outputs }) => outputs))).not.toContain('probability');
  });

  it('is the same whenever it is written', async () => {
    const problem = new Logistic(3, 4);
    const [first, second] = [
      await trainingGraph(problem.model(), problem.options({ clipping: {} })),
      await trainingGraph(problem.model(), problem.options({ clipping: {} })),
    ];
    expect(first.bytes).toEqual(second.bytes);
  });

  it('leaves the model it was made from alone', async () => {
    const problem = new Logistic(3, 4);
    const model = problem.model();
    const before = structuredClone(model);
    await trainingGraph(model, problem.options({ optimizer: { kind: 'sgd' } }));
    expect(model).toEqual(before);
  });

  it('gives way to names the model already uses', async () => {
    const model = small((graph, value) =>
      graph.op('MatMul', [graph.op('Tanh', [value], {}, 'labels'), 'w'], {}, 'mask'),
    );
    const { inputs } = await trainingGraph(model, options);
    expect([inputs.labels.name, inputs.mask?.name]).toEqual(['labels_1', 'mask_1']);
    expect(await gradientOf(model)).toHaveLength(6);
  });

  it('uses the mask Dropout drew when the model asks for training', async () => {
    const size = 4000;
    const graph = new GraphBuilder('dropout');
    graph.initializer('w', 'float32', [1, size], new Float32Array(size).fill(1));
    const training = graph.constant('bool', [], [1]);
    graph.op(
      'Identity',
      [graph.op('Dropout', ['w', graph.float(0.25), training], { seed: attr.int(3) }, 1)[0]!],
      {},
      'logits',
    );
    graph.output('logits');
    const own = await trainer(graph.model(), { ...options, batch: 1 });
    const { gradients } = await own.run({ features: {}, labels: new Float32Array(size) });
    await own.release();
    // kept elements are scaled by 1/(1 − 0.25) forwards and backwards: 2·(4/3)²/size, dropped ones give 0
    const kept = (2 * (4 / 3) ** 2) / size;
    expect([...gradients['w']!].every((value) => value === 0 || Math.abs(value - kept) < 1e-6 * kept)).toBe(true);
    const share = gradients['w']!.filter((value) => value > 0).length / size;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
  });
});

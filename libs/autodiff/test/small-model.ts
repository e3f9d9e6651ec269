import { GraphBuilder, type Model } from '@koinon/onnx';
import type { TrainingOptions } from '../src/index.js';
import { randomSource, uniform } from '../src/random.js';
import { trainer } from './training-run.js';

export const options: TrainingOptions = {
  trainable: ['w'],
  output: 'logits',
  loss: 'mse',
  optimizer: { kind: 'none' },
  batch: 4,
};

/** x [batch, 3] and weights w [3, 2], combined by `build` to the logits. */
export function small(build: (graph: GraphBuilder, x: string) => string, opset = 20): Model {
  const graph = new GraphBuilder('small');
  const x = graph.input('x', 'float32', ['batch', 3]);
  graph.initializer('w', 'float32', [3, 2], uniform(randomSource(5), 6));
  graph.op('Identity', [build(graph, x)], {}, 'logits');
  graph.output('logits');
  return graph.model({ opset });
}

export const linear = small((graph, x) => graph.op('MatMul', [x, 'w']));
const x = uniform(randomSource(1), 12);
const labels = uniform(randomSource(2), 8);

/** Of the weights of such a model, for one batch. */
export async function gradientOf(model: Model): Promise<Float32Array> {
  const own = await trainer(model, options);
  const { gradients } = await own.run({ features: { x }, labels });
  await own.release();
  return gradients['w']!;
}

import { attr } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { checkModel } from '../check.js';
import type { Model, NumericData, Tensor } from '../ir.js';
import { loadSession } from '../load-session.js';
import { randomFrom } from '../random.fixture.js';
import { runSession, tensorOf, type Feeds } from '../runtime.js';

const random = randomFrom(11);
export const normals = (length: number, deviation: number): Float32Array =>
  Float32Array.from(
    { length },
    () => deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );

/** Conv with BatchNormalization, ReLU, a residual sum, pooling and a Gemm: every pattern that the planner knows. */
export function residualModel(): Model {
  const graph = new GraphBuilder('residual');
  const conv = (x: string, from: number, to: number): string => {
    const name = graph.fresh('layer');
    const values = {
      weight: normals(to * from * 9, Math.sqrt(1 / (9 * from))),
      gamma: normals(to, 0.1).map((value) => 1 + value),
      beta: normals(to, 0.1),
      mean: normals(to, 0.1),
      variance: normals(to, 0.1).map((value) => 1 + value),
    };
    const [weight, ...statistics] = Object.entries(values).map(([part, data]) =>
      graph.initializer(`${name}.${part}`, 'float32', part === 'weight' ? [to, from, 3, 3] : [to], data),
    );
    const raw = graph.op('Conv', [x, weight!], { pads: attr.ints([1, 1, 1, 1]), kernel_shape: attr.ints([3, 3]) });
    return graph.op('BatchNormalization', [raw, ...statistics]);
  };
  const x = graph.input('x', 'float32', ['batch', 2, 8, 8]);
  const first = graph.op('Relu', [conv(x, 2, 8)]);
  const second = graph.op('Relu', [graph.op('Add', [conv(graph.op('Relu', [conv(first, 8, 8)]), 8, 8), first])]);
  const pooled = graph.op('MaxPool', [second], { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) });
  const flat = graph.op('Flatten', [graph.op('GlobalAveragePool', [pooled])]);
  graph.initializer('head', 'float32', [4, 8], normals(32, 0.5));
  graph.initializer('head bias', 'float32', [4], normals(4, 0.5));
  graph.op('Gemm', [flat, 'head', 'head bias'], { transB: attr.int(1) }, 'logits');
  graph.output('logits', 'float32', ['batch', 4]);
  return checkModel(graph.model());
}

export const images = (rows: number): Feeds => ({ x: tensorOf('float32', [rows, 2, 8, 8], normals(rows * 128, 1)) });

export async function outputOf(model: Model, feeds: Feeds): Promise<Tensor<NumericData>> {
  const session = await loadSession(model, 'all');
  const [output] = Object.values(await runSession(session, feeds));
  await session.release();
  return output!;
}

export function relativeError(found: Tensor, expected: Tensor): number {
  const pairs = Array.from(
    expected.data as Float32Array,
    (value, index) => [Number(found.data[index]), value] as const,
  );
  return Math.sqrt(
    pairs.reduce((sum, [f, e]) => sum + (f - e) ** 2, 0) / pairs.reduce((sum, [, e]) => sum + e ** 2, 0),
  );
}

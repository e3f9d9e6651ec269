import { elementCount, type Model } from '@koinon/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { TrainingOptions } from './options.js';
import type { Port } from './ports.js';
import { randomSource, uniform } from './random.js';
import { trainingGraph } from './training-graph.js';

export interface GradientCheckOptions extends Pick<TrainingOptions, 'trainable' | 'output' | 'loss' | 'batch' | 'dims'> {
  /** Elements compared per parameter; all of a smaller one. */
  samples?: number;
  seed?: number;
}

export interface GradientCheck {
  parameter: string;
  /** Elements that were compared. */
  compared: number;
  /** Largest |gradient − finite difference| over them, relative to the largest gradient of all parameters. */
  difference: number;
}

/** Offsets tried per element: a kink of Relu or a maximum inside one of them spoils it, but hardly all. */
const offsets = [0.02, 0.005, 0.001];

/**
 * Compares the gradients of a model with central finite differences of its loss, on random data.
 * In float32 a correct gradient differs by about 1e-3 or less.
 * @throws AutodiffError as `trainingGraph`
 */
export async function checkGradients(model: Model, { samples = 20, seed = 1, ...options }: GradientCheckOptions): Promise<GradientCheck[]> {
  const graph = await trainingGraph(model, { ...options, optimizer: { kind: 'none' } });
  const { inputs, outputs } = graph;
  const random = randomSource(seed);
  const session = await InferenceSession.create(graph.bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const parameters = new Map(options.trainable.map((key) => [key, Float32Array.from((model.graph.initializers.get(key)?.data ?? []) as Float32Array)]));
  const classes = options.loss === 'cross-entropy' ? (graph.outputDims[1] ?? 1) : 2;
  const data = Object.values(inputs.features).map((port) => [port.name, randomTensor(port, random, 2)] as const);
  const feeds: Record<string, Tensor> = {
    ...Object.fromEntries(data),
    [inputs.labels.name]: randomTensor(inputs.labels, random, classes),
    ...(inputs.mask && { [inputs.mask.name]: new Tensor('float32', new Float32Array(options.batch).fill(1), inputs.mask.dims) }),
    ...Object.fromEntries(Object.entries(inputs.parameters).map(([key, port]) => [port.name, new Tensor('float32', parameters.get(key) as Float32Array, port.dims)])),
  };
  try {
    const run = () => session.run(feeds);
    const lossOf = async () => Number((await run())[outputs.loss.name]?.data[0]);
    const first = await run();
    const gradients = new Map(Object.entries(outputs.gradients ?? {}).map(([key, port]) => [key, first[port.name]?.data as Float32Array]));
    const scale = Math.max(...[...gradients.values()].map((values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)));
    const checks: GradientCheck[] = [];
    for (const [parameter, values] of parameters) {
      const chosen = values.length <= samples ? [...values.keys()] : Array.from({ length: samples }, () => Math.floor(random() * values.length));
      let worst = 0;
      for (const index of chosen) worst = Math.max(worst, await distance(values, index, gradients.get(parameter)?.[index] ?? Number.NaN, lossOf));
      checks.push({ parameter, compared: chosen.length, difference: worst / scale });
    }
    return checks;
  } finally {
    await session.release();
  }
}

/** How far the gradient of one element is from the best of the finite differences. Restores the element. */
async function distance(values: Float32Array, index: number, gradient: number, lossOf: () => Promise<number>): Promise<number> {
  const original = values[index] as number;
  let best = Number.POSITIVE_INFINITY;
  for (const offset of offsets) {
    values[index] = original + offset;
    const above = await lossOf();
    values[index] = original - offset;
    const below = await lossOf();
    values[index] = original;
    best = Math.min(best, Math.abs((above - below) / (2 * offset) - gradient));
  }
  return best;
}

function randomTensor({ type, dims }: Port, random: () => number, classes: number): Tensor {
  const values = uniform(random, elementCount(dims));
  if (type === 'int64') return new Tensor('int64', BigInt64Array.from(values, (value) => BigInt(Math.floor(((value + 1) / 2) * classes))), dims);
  return new Tensor('float32', values, dims);
}

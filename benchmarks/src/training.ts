/**
 * Training steps on ONNX Runtime against the same networks in TensorFlow.js (cpu and wasm), batch 32, SGD, one thread
 * each, from the same weights on the same data; and what per-record clipping costs on top of a plain gradient.
 */
import { performance } from 'node:perf_hooks';
import { trainingGraph, type Port, type TrainingGraph, type TrainingOptions } from '@koinon/autodiff';
import { elementCount } from '@koinon/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { modelOf, networks, numbers, parametersOf, type Network } from './training-models.js';
import { tensorFlowStep } from './training-tfjs.js';

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly yardstick?: number;
  readonly samples?: readonly number[];
}

const batchSize = 32;
const learningRate = 0.05;
const stepsPerRun = 32;
/** Time given to each measurement, and the fewest samples it takes whatever they cost. */
const budgetMs = 1500;
const fewestSamples = 3;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Milliseconds per call, after a warm-up. */
async function measure(call: () => Promise<unknown> | number): Promise<number[]> {
  const samples: number[] = [];
  const warmUntil = performance.now() + budgetMs / 5;
  do await call(); while (performance.now() < warmUntil);
  const until = performance.now() + budgetMs;
  while (samples.length < fewestSamples || performance.now() < until) {
    const start = performance.now();
    await call();
    samples.push(performance.now() - start);
  }
  return samples;
}

interface Data {
  x: Float32Array;
  labels: number[];
}

function dataOf({ record, dense, loss }: Network): Data {
  const classes = loss === 'cross-entropy' ? (dense.at(-1) ?? 1) : 2;
  return { x: numbers(batchSize * elementCount(record), 99), labels: Array.from({ length: batchSize }, (_, index) => index % classes) };
}

/** Repeats the batch for graphs that take several steps per run. */
function repeated({ dims, type }: Port, data: Float32Array | readonly number[]): Tensor {
  const count = elementCount(dims) / data.length;
  const values = Array.from({ length: count }, () => [...data]).flat();
  return type === 'int64' ? new Tensor('int64', BigInt64Array.from(values, BigInt), dims) : new Tensor('float32', Float32Array.from(values), dims);
}

interface Runner {
  step(): Promise<number>;
  release(): Promise<void>;
}

/** A training graph in the runtime; parameters stay in two sets of buffers that change places after every run. */
async function runner(network: Network, data: Data, options: Pick<TrainingOptions, 'optimizer' | 'clipping' | 'localSteps'>): Promise<Runner> {
  const parameters = parametersOf(network);
  const graph: TrainingGraph = await trainingGraph(modelOf(network), {
    trainable: parameters.map(({ name }) => name), output: 'logits', loss: network.loss, batch: batchSize, ...options,
  });
  const session = await InferenceSession.create(graph.bytes, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  const { inputs, outputs } = graph;
  const scalar = (port: Port | undefined, value: number) => (port ? { [port.name]: new Tensor('float32', Float32Array.of(value), []) } : {});
  const empty = ({ dims }: Port) => new Tensor('float32', new Float32Array(elementCount(dims)), dims);
  const feeds: Record<string, Tensor> = {
    ...Object.fromEntries(Object.values(inputs.features).map((port) => [port.name, repeated(port, data.x)])),
    [inputs.labels.name]: repeated(inputs.labels, data.labels),
    ...(inputs.mask && { [inputs.mask.name]: repeated(inputs.mask, [1]) }),
    ...Object.fromEntries(parameters.map(({ name, dims, data: values }) => [name, new Tensor('float32', values.slice(), dims)])),
    ...scalar(inputs.clippingNorm, 1),
    ...scalar(inputs.learningRate, learningRate),
  };
  const fetches: Record<string, Tensor> = Object.fromEntries(
    [outputs.loss, ...(outputs.norms ? [outputs.norms] : []), ...Object.values(outputs.gradients ?? {}), ...Object.values(outputs.parameters ?? {})].map((port) => [port.name, empty(port)]),
  );
  const pairs = Object.entries(outputs.parameters ?? {}).map(([key, port]) => [inputs.parameters[key]?.name ?? key, port.name] as const);
  return {
    async step() {
      await session.run(feeds, fetches);
      for (const [input, output] of pairs) [feeds[input], fetches[output]] = [fetches[output] as Tensor, feeds[input] as Tensor];
      return Number((fetches[outputs.loss.name] as Tensor).data[0]);
    },
    release: () => session.release(),
  };
}

/** Both runtimes must compute the same thing, or their times mean nothing. */
function assertSameLoss(network: Network, own: number, other: number): void {
  if (!(Math.abs(own - other) < 1e-4 * Math.max(1, Math.abs(other)))) throw new Error(`${network.name}: losses differ, ${own} and ${other}`);
}

async function networkFigures(network: Network, onProgress: (line: string) => void): Promise<Figure[]> {
  const data = dataOf(network);
  const rate = (milliseconds: readonly number[], steps = 1) => (1000 * steps) / median(milliseconds);
  const figures: Figure[] = [];
  const own = await runner(network, data, { optimizer: { kind: 'sgd' } });
  const firstLoss = await own.step();
  const single = await measure(() => own.step());
  await own.release();
  const looped = await runner(network, data, { optimizer: { kind: 'sgd' }, localSteps: stepsPerRun });
  const loop = await measure(() => looped.step());
  await looped.release();
  const best = Math.max(rate(single), rate(loop, stepsPerRun));
  onProgress(`${network.name}: ${Math.round(rate(single))} steps/s, ${Math.round(rate(loop, stepsPerRun))} in runs of ${stepsPerRun}`);
  figures.push(
    { name: `${network.name}, one step per run`, value: rate(single), unit: 'steps/s', samples: single },
    { name: `${network.name}, ${stepsPerRun} steps per run`, value: rate(loop, stepsPerRun), unit: 'steps/s', ratio: rate(loop, stepsPerRun) / rate(single), yardstick: rate(single), samples: loop },
  );
  for (const backend of ['cpu', 'wasm'] as const) {
    const step = await tensorFlowStep(network, backend, { ...data, size: batchSize }, learningRate);
    try {
      assertSameLoss(network, firstLoss, step());
    } catch (error) {
      // the wasm backend has no gradient of a convolution's weight
      if (backend === 'cpu' || network.channels.length === 0) throw error;
      onProgress(`${network.name}: not supported by TensorFlow.js ${backend}`);
      continue;
    }
    const theirs = rate(await measure(step));
    onProgress(`${network.name}: TensorFlow.js ${backend} ${theirs.toPrecision(3)} steps/s`);
    figures.push({ name: `${network.name} against TensorFlow.js ${backend}`, value: best, unit: 'steps/s', ratio: best / theirs, yardstick: theirs });
  }
  return figures;
}

/** Plain and clipped gradients, measured in turns so that a busy machine slows both. */
async function clippingFigure(network: Network): Promise<Figure> {
  const data = dataOf(network);
  const plain = await runner(network, data, { optimizer: { kind: 'none' } });
  const clipped = await runner(network, data, { optimizer: { kind: 'none' }, clipping: {} });
  const ratios: number[] = [];
  const [plainMs, clippedMs]: [number[], number[]] = [[], []];
  for (let round = 0; round < 5; round++) {
    const [a, b] = [median(await measure(() => plain.step())), median(await measure(() => clipped.step()))];
    plainMs.push(a);
    clippedMs.push(b);
    ratios.push(b / a);
  }
  await Promise.all([plain.release(), clipped.release()]);
  return { name: `${network.name}, clipped gradient against plain`, value: median(clippedMs), unit: 'ms', ratio: median(ratios), yardstick: median(plainMs), samples: ratios };
}

export async function run({ onProgress = () => {} }: { onProgress?: (line: string) => void } = {}): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const network of networks) figures.push(...(await networkFigures(network, onProgress)), await clippingFigure(network));
  return figures;
}

/**
 * Training steps on ONNX Runtime against the same networks in TensorFlow.js (cpu and wasm), batch 32, SGD, one thread
 * each, from the same weights on the same data; what per-record clipping costs on top of a plain gradient; and the memory
 * of a run against what its graph states.
 */
import { performance } from 'node:perf_hooks';
import { trainingGraph, type Port, type TrainingGraph, type TrainingOptions } from '@koinon/autodiff';
import { elementCount } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { run as pneumonia } from './pneumonia.js';
import { memoryFigures } from './training-memory.js';
import { modelOf, networks, numbers, parametersOf, type Network } from './training-models.js';
import { tensorFlowStep } from './training-tfjs.js';
import type { Figure } from './figure.js';

const BATCH_SIZE = 32;
const LEARNING_RATE = 0.05;
const STEPS_PER_RUN = 32;
/** Everything is measured in turns, so that a machine busy with something else slows all of it alike. */
const ROUNDS = 25;
const TURN_MS = 60;
/** An entrant whose single step takes longer than a second is out after this many rounds. */
const SLOW_ROUNDS = 2;

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** A time that one is not likely to beat: other load only ever adds to a step, so the fast tenth is the step itself. */
const typical = (samples: readonly number[]): number => quantile(samples, 0.1);

/** Milliseconds per call for one turn, at least one call, after one that is not counted. */
async function turn(call: () => Promise<number> | number): Promise<number[]> {
  const samples: number[] = [];
  await call();
  const until = performance.now() + TURN_MS;
  do {
    const start = performance.now();
    await call();
    samples.push(performance.now() - start);
  } while (performance.now() < until);
  return samples;
}

interface Entrant {
  name: string;
  /** Steps one call takes. */
  steps: number;
  select?(): Promise<void>;
  call(): Promise<number> | number;
}

/** Samples of each entrant, in milliseconds per step. */
async function measure(entrants: readonly Entrant[]): Promise<Map<string, number[]>> {
  const samples = new Map(entrants.map(({ name }): [string, number[]] => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, steps, select, call } of entrants) {
      const own = samples.get(name) ?? [];
      if (round >= SLOW_ROUNDS && typical(own) > 1000) continue;
      await select?.();
      own.push(...(await turn(call)).map((milliseconds) => milliseconds / steps));
    }
  }
  return samples;
}

interface Data {
  x: Float32Array;
  labels: number[];
}

function dataOf({ record, dense, loss }: Network): Data {
  const classes = loss === 'cross-entropy' ? (dense.at(-1) ?? 1) : 2;
  return {
    x: numbers(BATCH_SIZE * elementCount(record), 99),
    labels: Array.from({ length: BATCH_SIZE }, (_, index) => index % classes),
  };
}

/** Repeats the batch for graphs that take several steps per run. */
function repeated({ dims, type }: Port, data: Float32Array | readonly number[]): Tensor {
  const count = elementCount(dims) / data.length;
  const values = Array.from({ length: count }, () => [...data]).flat();
  return type === 'int64'
    ? new Tensor('int64', BigInt64Array.from(values, BigInt), dims)
    : new Tensor('float32', Float32Array.from(values), dims);
}

interface Runner {
  step(): Promise<number>;
  release(): Promise<void>;
}

/** A training graph in the runtime; parameters stay in two sets of buffers that change places after every run. */
async function runner(
  network: Network,
  data: Data,
  options: Pick<TrainingOptions, 'optimizer' | 'clipping' | 'localSteps'>,
): Promise<Runner> {
  const parameters = parametersOf(network);
  const graph: TrainingGraph = await trainingGraph(modelOf(network), {
    trainable: parameters.map(({ name }) => name),
    output: 'logits',
    loss: network.loss,
    batch: BATCH_SIZE,
    ...options,
  });
  const session = await Session.create(graph.bytes);
  const { inputs, outputs } = graph;
  const scalar = (port: Port | undefined, value: number) =>
    port ? { [port.name]: new Tensor('float32', Float32Array.of(value), []) } : {};
  const empty = ({ dims }: Port) => new Tensor('float32', new Float32Array(elementCount(dims)), dims);
  const feeds: Record<string, Tensor> = {
    ...Object.fromEntries(Object.values(inputs.features).map((port) => [port.name, repeated(port, data.x)])),
    [inputs.labels.name]: repeated(inputs.labels, data.labels),
    ...(inputs.mask && { [inputs.mask.name]: repeated(inputs.mask, [1]) }),
    ...Object.fromEntries(
      parameters.map(({ name, dims, data: values }) => [name, new Tensor('float32', values.slice(), dims)]),
    ),
    ...scalar(inputs.clippingNorm, 1),
    ...scalar(inputs.learningRate, LEARNING_RATE),
  };
  const fetches: Record<string, Tensor> = Object.fromEntries(
    [
      outputs.loss,
      ...(outputs.norms ? [outputs.norms] : []),
      ...Object.values(outputs.gradients ?? {}),
      ...Object.values(outputs.parameters ?? {}),
    ].map((port) => [port.name, empty(port)]),
  );
  const pairs = Object.entries(outputs.parameters ?? {}).map(
    ([key, port]) => [inputs.parameters[key]?.name ?? key, port.name] as const,
  );
  return {
    async step() {
      await session.run(feeds, fetches);
      for (const [input, output] of pairs) [feeds[input], fetches[output]] = [fetches[output]!, feeds[input]!];
      return Number(fetches[outputs.loss.name]!.data[0]);
    },
    release: () => session.release(),
  };
}

/** Both runtimes must compute the same thing, or their times mean nothing. */
function assertSameLoss(network: Network, own: number, other: number): void {
  if (!(Math.abs(own - other) < 1e-4 * Math.max(1, Math.abs(other))))
    throw new Error(`${network.name}: losses differ, ${own} and ${other}`);
}

async function networkFigures(network: Network, onProgress: (line: string) => void): Promise<Figure[]> {
  const data = dataOf(network);
  const single = await runner(network, data, { optimizer: { kind: 'sgd' } });
  const looped = await runner(network, data, { optimizer: { kind: 'sgd' }, localSteps: STEPS_PER_RUN });
  const plain = await runner(network, data, { optimizer: { kind: 'none' } });
  const clipped = await runner(network, data, { optimizer: { kind: 'none' }, clipping: {} });
  const firstLoss = await single.step();
  const entrants: Entrant[] = [
    { name: 'single', steps: 1, call: () => single.step() },
    { name: 'looped', steps: STEPS_PER_RUN, call: () => looped.step() },
    { name: 'plain', steps: 1, call: () => plain.step() },
    { name: 'clipped', steps: 1, call: () => clipped.step() },
  ];
  const backends: string[] = [];
  for (const backend of ['cpu', 'wasm'] as const) {
    const other = await tensorFlowStep(network, backend, { ...data, size: BATCH_SIZE }, LEARNING_RATE);
    try {
      assertSameLoss(network, firstLoss, other.step());
    } catch (error) {
      // the wasm backend has no gradient of a convolution's weight
      if (backend === 'cpu' || network.channels.length === 0) throw error;
      onProgress(`${network.name}: not supported by TensorFlow.js ${backend}`);
      continue;
    }
    backends.push(backend);
    entrants.push({ name: backend, steps: 1, select: other.select, call: other.step });
  }
  const samples = await measure(entrants);
  await Promise.all([single, looped, plain, clipped].map((each) => each.release()));

  const of = (name: string) => samples.get(name) ?? [];
  const rate = (name: string) => 1000 / typical(of(name));
  const best = Math.max(rate('single'), rate('looped'));
  const figures: Figure[] = [
    {
      name: `${network.name}, one step per run`,
      value: rate('single'),
      unit: 'steps/s',
      samples: percentiles(of('single')),
    },
    {
      name: `${network.name}, ${STEPS_PER_RUN} steps per run`,
      value: rate('looped'),
      unit: 'steps/s',
      ratio: rate('looped') / rate('single'),
      yardstick: rate('single'),
      samples: percentiles(of('looped')),
    },
    ...backends.map((backend) => ({
      name: `${network.name} against TensorFlow.js ${backend}`,
      value: best,
      unit: 'steps/s',
      ratio: best / rate(backend),
      yardstick: rate(backend),
      samples: percentiles(of(backend)),
    })),
    {
      name: `${network.name}, clipped gradient against plain`,
      value: typical(of('clipped')),
      unit: 'ms',
      ratio: typical(of('clipped')) / typical(of('plain')),
      yardstick: typical(of('plain')),
      samples: percentiles(of('clipped')),
    },
  ];
  for (const { name, ratio } of figures) if (ratio !== undefined) onProgress(`${name}: ×${ratio.toPrecision(3)}`);
  return figures;
}

/** p10, p50, p95 and p99 in milliseconds per step. */
function percentiles(samples: readonly number[]): number[] {
  return [0.1, 0.5, 0.95, 0.99].map((share) => quantile(samples, share));
}

export async function run({ onProgress = () => {} }: { onProgress?: (line: string) => void } = {}): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const network of networks) figures.push(...(await networkFigures(network, onProgress)));
  figures.push(...(await memoryFigures(onProgress)), ...(await pneumonia({ onProgress })));
  return figures;
}

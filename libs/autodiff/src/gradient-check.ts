import {
  attr,
  dataTypeCode,
  elementCount,
  loadSession,
  pruneDeadNodes,
  runSession,
  type Feeds,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from '@koinon/onnx';
import { intOf } from './attributes.js';
import type { TrainingOptions } from './options.js';
import type { Port } from './ports.js';
import { randomSource, uniform } from './random.js';
import { trainingGraph } from './training-graph.js';

export interface GradientCheckOptions extends Pick<
  TrainingOptions,
  'trainable' | 'output' | 'loss' | 'batch' | 'dims'
> {
  /** Elements compared per parameter; all of a smaller one. */
  samples?: number;
  seed?: number;
  /** Relative difference up to which gradient and finite difference agree; beyond it an element at a kink is left out. */
  tolerance?: number;
}

export interface GradientCheck {
  parameter: string;
  /** Elements that were compared. */
  compared: number;
  /** Elements left out: they lie so near a kink that finite differences say nothing about them. */
  leftOut: number;
  /** Largest |gradient − finite difference| over the compared ones, relative to the largest gradient of all parameters. */
  difference: number;
  /** All gradients and differences are 0, as behind a saturated Clip: nothing was tested. */
  zero: boolean;
}

/** Offsets tried per element: a kink of Relu or a maximum inside one of them spoils it, but hardly all. */
const offsets = [0.02, 0.005, 0.001];

/** Share of the margin within which no further offset is tried. */
const CLOSE_ENOUGH = 0.1;

/** Float32 sums round a loss by a few units of its last place; more than this share of it is no rounding. */
const LOSS_ROUNDING = 8 * 2 ** -24;

/**
 * Compares the gradients of a model with central finite differences of its loss, on random data.
 * In float32 a correct gradient differs by about 1e-3 or less.
 * @throws AutodiffError as `trainingGraph`
 * @throws OnnxError ONNX_RUNTIME where the model cannot run on random data
 */
export async function checkGradients(
  model: Model,
  { samples = 20, seed = 1, tolerance = 5e-3, ...options }: GradientCheckOptions,
): Promise<GradientCheck[]> {
  const graph = await trainingGraph(model, { ...options, optimizer: { kind: 'none' } });
  const { inputs, outputs } = graph;
  const random = randomSource(seed);
  const parameters = new Map(
    options.trainable.map((key) => [
      key,
      Float32Array.from((model.graph.initializers.get(key)?.data ?? []) as Float32Array),
    ]),
  );
  const classes = options.loss === 'cross-entropy' ? (graph.outputDims[1] ?? 1) : 2;
  const { graph: whole } = graph.model;
  const data = [
    ...Object.values(inputs.features).map((port) => [port, rowsPicked(whole, port.name) ?? 2] as const),
    [inputs.labels, classes] as const,
  ];
  const feeds = Object.fromEntries([
    ...data.map(([port, below]) => feed(port, randomNumbers(port, random, below))),
    ...(inputs.mask ? [feed(inputs.mask, new Float32Array(options.batch).fill(1))] : []),
    ...Object.entries(inputs.parameters).map(([key, port]) => feed(port, parameters.get(key) as Float32Array)),
  ]);
  const fed: Model = { ...graph.model, graph: fedFloats(whole) };
  const first = await runOnce(fed, feeds);
  const gradients = new Map(
    Object.entries(outputs.gradients ?? {}).map(([key, port]) => [key, first[port.name]?.data as Float32Array]),
  );
  const scale = [...gradients.values()].reduce(
    (most, values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), most),
    0,
  );
  // finite differences take the loss thousands of times, so nothing else is computed with it
  const session = await loadSession(
    {
      ...fed,
      graph: pruneDeadNodes({
        ...fed.graph,
        outputs: fed.graph.outputs.filter(({ name }) => name === outputs.loss.name),
      }),
    },
    'all',
  );
  try {
    const lossOf = async () => Number((await runSession(session, feeds))[outputs.loss.name]?.data[0]);
    const checks: GradientCheck[] = [];
    for (const [parameter, values] of parameters) {
      const chosen = new Set(values.length <= samples ? values.keys() : []);
      while (chosen.size < Math.min(samples, values.length)) chosen.add(Math.floor(random() * values.length));
      const check = { parameter, compared: 0, leftOut: 0, difference: 0, zero: true };
      for (const index of chosen) {
        const gradient = gradients.get(parameter)?.[index] ?? Number.NaN;
        const { distance, atKink } = await compareElement(values, index, gradient, tolerance * scale, lossOf);
        check.zero &&= gradient === 0 && distance === 0;
        if (atKink) check.leftOut++;
        else {
          check.compared++;
          check.difference = Math.max(check.difference, distance === 0 ? 0 : distance / scale);
        }
      }
      checks.push(check);
    }
    return checks;
  } finally {
    await session.release();
  }
}

async function runOnce(model: Model, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await loadSession(model, 'all');
  try {
    return await runSession(session, feeds);
  } finally {
    await session.release();
  }
}

/**
 * Distance of a gradient from the closest central difference of one element, and whether a kink explains it. Restores the element.
 * @param margin distance up to which a gradient is right
 */
export async function compareElement(
  values: Float32Array,
  index: number,
  gradient: number,
  margin: number,
  lossOf: () => Promise<number>,
): Promise<{ distance: number; atKink: boolean }> {
  const original = values[index]!;
  const lossAt = async (shift: number): Promise<number> => {
    values[index] = original + shift;
    const loss = await lossOf();
    values[index] = original;
    return loss;
  };
  let distance = Number.POSITIVE_INFINITY;
  let [above, below] = [0, 0];
  for (const offset of offsets) {
    [above, below] = [await lossAt(offset), await lossAt(-offset)];
    distance = Math.min(distance, Math.abs((above - below) / (2 * offset) - gradient));
    // closer tells no more, and every offset costs two runs of the model
    if (distance <= CLOSE_ENOUGH * margin) break;
  }
  return { distance, atKink: distance > margin && isSideOfKink(gradient, margin, below, await lossAt(0), above) };
}

/**
 * The slopes of both sides at the smallest offset. Beside a kink they differ and the gradient is one of them: the kink
 * lies on the other side. A wrong gradient is none.
 */
function isSideOfKink(gradient: number, margin: number, below: number, here: number, above: number): boolean {
  const offset = offsets.at(-1)!;
  const [left, right] = [(here - below) / offset, (above - here) / offset];
  const noise = (LOSS_ROUNDING * Math.abs(here)) / offset;
  return Math.abs(left - right) > noise && Math.min(Math.abs(left - gradient), Math.abs(right - gradient)) <= margin;
}

/** Operators that pass on numbers of their first input. */
const passing = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Expand',
  'Slice',
  'Gather',
]);

/** Extent of the smallest table from which a graph picks rows by the numbers of `input`, if it does. */
function rowsPicked({ nodes, inputs, initializers }: Graph, input: string): number | undefined {
  const shapes = new Map([...inputs, ...initializers.values()].map(({ name, dims }) => [name, dims]));
  const passedOn = new Set([input]);
  const extents: number[] = [];
  for (const node of nodes) {
    const {
      op,
      inputs: [source = '', picked = ''],
      outputs: [result = ''],
    } = node;
    if (passing.has(op) && passedOn.has(source)) passedOn.add(result);
    if ((op !== 'Gather' && op !== 'GatherElements') || !passedOn.has(picked)) continue;
    const extent = shapes.get(source)?.at(intOf(node, 'axis', 0));
    if (typeof extent === 'number') extents.push(extent);
  }
  return extents.length > 0 ? Math.min(...extents) : undefined;
}

/** Floats in [−1, 1), other numbers whole and in [0, below). */
function randomNumbers({ type, dims }: Port, random: () => number, below: number): Float32Array {
  const values = uniform(random, elementCount(dims));
  return type.includes('float') ? values : values.map((value) => Math.floor(((value + 1) / 2) * below));
}

const fedName = ({ name, type }: Pick<ValueInfo, 'name' | 'type'>): string =>
  type === 'float32' ? name : `${name} as float32`;

const feed = (port: Port, data: Float32Array): [string, Tensor] => [
  fedName(port),
  { name: port.name, type: 'float32', dims: port.dims, data },
];

/** The graph with float32 inputs, which it casts: the runtime's bindings cannot be fed every type that its operators take. */
function fedFloats(graph: Graph): Graph {
  const casts = graph.inputs.flatMap((input): Node[] => {
    const { name, type = 'float32' } = input;
    return type === 'float32'
      ? []
      : [
          {
            op: 'Cast',
            domain: '',
            name: '',
            inputs: [fedName(input)],
            outputs: [name],
            attributes: { to: attr.int(dataTypeCode(type)) },
          },
        ];
  });
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, name: fedName(input), type: 'float32' })),
    nodes: [...casts, ...graph.nodes],
  };
}

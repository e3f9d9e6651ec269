import { OnnxError, checkModel, elementCount, loadSession, printable, type Model, type ValueInfo } from '@koinon/onnx';
import { table } from '../../format.js';
import { decodeModelFile } from './model-file.js';
import { weightsElsewhere } from './weights.js';

const MOST_IN_MESSAGE = 1000;

export interface Issue {
  readonly code: string;
  readonly message: string;
}

export interface Inspection {
  readonly bytes: number;
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: Readonly<Record<string, number>>;
  readonly initializers: readonly {
    readonly name: string;
    readonly type: string;
    readonly dims: readonly number[];
    readonly elements: number;
    readonly bytes: number;
  }[];
  /** Elements of all floating-point initializers. */
  readonly parameters: number;
  /** What limits the use of the model without being wrong. */
  readonly notes: readonly string[];
  /** The first thing the checker or the runtime refuses, which leaves sizes of open axes to the caller; empty for a model that runs. */
  readonly issues: readonly Issue[];
}

interface Value {
  readonly name: string;
  readonly type: string;
  /** Open dimensions by their name, or `?`. */
  readonly dims: readonly (number | string)[] | null;
}

/**
 * What is in a model file, and what keeps it from running.
 * @throws OnnxError when the file cannot be decoded at all, OnnxCommandError MODEL_FILE_UNREADABLE
 */
export async function inspectModel(file: string): Promise<Inspection> {
  const { bytes, model } = await decodeModelFile(file);
  const { graph } = model;
  const initializers = [...graph.initializers].map(([name, { type, dims, data }]) => ({
    name,
    type,
    dims,
    elements: elementCount(dims),
    bytes: 'byteLength' in data ? data.byteLength : 0,
  }));
  const counts = new Map<string, number>();
  for (const { op, domain } of graph.nodes) {
    const name = domain === '' ? op : `${domain}.${op}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return {
    bytes,
    irVersion: model.irVersion,
    producer: model.producerName,
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(valueOf),
    outputs: graph.outputs.map(valueOf),
    nodes: Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a)),
    initializers,
    parameters: initializers
      .filter(({ type }) => type.includes('float'))
      .reduce((sum, { elements }) => sum + elements, 0),
    notes: [weightsElsewhere(graph)].filter((note) => note !== undefined),
    issues: await issuesOf(model),
  };
}

const valueOf = ({ name, type, dims }: ValueInfo): Value => ({
  name,
  type: type ?? '?',
  dims: dims?.map((dim) => dim ?? '?') ?? null,
});

/** The checker first; only what passes it is shown to the runtime. */
async function issuesOf(model: Model): Promise<Issue[]> {
  try {
    checkModel(model, { openDims: 'any' });
    await (await loadSession(model, 'disabled')).release();
    return [];
  } catch (error) {
    if (error instanceof OnnxError) return [{ code: error.code, message: error.message }];
    throw error;
  }
}

/** Axes behind the records whose size the model leaves open. */
function openAxes(dims: Value['dims']): string {
  const names = new Set(dims?.slice(1).filter((dim) => typeof dim === 'string'));
  const unnamed = names.delete('?') ? ['an open axis has no name: export it with one, or with its size'] : [];
  const sizes = [...names].map((name) => `--dims ${name}=SIZE`).join(' ');
  return [...(sizes ? [`open: train-graph and gradcheck take ${sizes}`] : []), ...unnamed].join('; ');
}

export function inspectionText(inspection: Inspection): string {
  const { bytes, irVersion, opsets, producer, inputs, outputs, nodes, initializers, parameters, notes, issues } =
    inspection;
  const value = (role: string, { name, type, dims }: Value, note = ''): string[] => [
    role,
    name,
    type,
    dims === null ? 'any rank' : `[${dims.join(', ')}]`,
    note,
  ];
  return [
    `${bytes} bytes · IR ${irVersion} · ${Object.entries(opsets)
      .map(([domain, version]) => `${printable(domain)} ${version}`)
      .join(', ')}${producer ? ` · by ${printable(producer)}` : ''} · ${parameters} parameters\n`,
    table(
      ['', 'name', 'type', 'shape', ''],
      [
        ...inputs.map((input) => value('input', input, openAxes(input.dims))),
        ...outputs.map((output) => value('output', output)),
      ],
    ),
    table(
      ['operator', 'nodes'],
      Object.entries(nodes).map(([op, count]) => [op, String(count)]),
    ),
    table(
      ['initializer', 'type', 'shape', 'elements', 'bytes'],
      initializers.map(({ name, type, dims, elements, bytes: size }) => [
        name,
        type,
        `[${dims.join(', ')}]`,
        String(elements),
        String(size),
      ]),
    ),
    ...notes.map((note) => `note: ${note}\n`),
    issues.length === 0
      ? 'no issues\n'
      : issues.map(({ code, message }) => `${code}: ${printable(message, MOST_IN_MESSAGE)}\n`).join(''),
  ].join('\n');
}

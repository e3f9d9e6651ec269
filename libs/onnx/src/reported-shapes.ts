import type { ValueMetadata } from '@koinon/onnx-runtime';
import type { DataType, Model, Node } from './ir.js';
import { createSession } from './runtime.js';

/** What the runtime says of a tensor; it has no dimensions where one of them or the rank is open. */
export interface ReportedShape {
  type: DataType | 'int4' | 'uint4';
  dims: number[] | undefined;
}

/**
 * Types and shapes of the initializers and node outputs of a model, as the runtime infers them without computing
 * anything: optimisation would execute constant nodes, and a small file can ask for hours of that.
 * @throws OnnxError ONNX_RUNTIME where the runtime refuses the model
 */
export async function reportedShapes(model: Model): Promise<Map<string, ReportedShape>> {
  const { initializers, nodes } = model.graph;
  const shapes = new Map<string, ReportedShape>(
    Array.from(initializers, ([name, { type, dims }]) => [name, { type, dims }]),
  );
  const tensors = (
    await metadata(
      model,
      nodes,
      nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ''),
    )
  ).filter((value) => value.isTensor);
  for (const { name, type, shape } of tensors) shapes.set(name, { type, dims: closed(shape) });
  for (const name of await unknownRanks(
    model,
    tensors.filter(({ shape }) => shape.length === 0),
  ))
    shapes.get(name)!.dims = undefined;
  return shapes;
}

/** The runtime reports no dimensions both for a scalar and for an unknown rank; the shape of the value's shape tells them apart. */
async function unknownRanks(model: Model, suspects: readonly { name: string }[]): Promise<string[]> {
  const probes = suspects.map(({ name }, index): Node => ({
    op: 'Shape',
    domain: '',
    name: '',
    inputs: [name],
    outputs: [`rank probe ${index}`],
    attributes: {},
  }));
  const ranks = await metadata(
    model,
    [...model.graph.nodes, ...probes],
    probes.map((probe) => probe.outputs[0]!),
  );
  return suspects
    .filter((_, index) => !(ranks[index]?.isTensor && ranks[index].shape[0] === 0))
    .map(({ name }) => name);
}

async function metadata(model: Model, nodes: Node[], names: readonly string[]): Promise<readonly ValueMetadata[]> {
  if (names.length === 0) return [];
  const session = await createSession(
    { ...model, graph: { ...model.graph, nodes, valueInfo: [], outputs: names.map((name) => ({ name })) } },
    'disabled',
  );
  try {
    return session.outputs;
  } finally {
    await session.release();
  }
}

const closed = (shape: readonly (number | string)[]): number[] | undefined =>
  shape.every((dim) => typeof dim === 'number' && dim >= 0) ? ([...shape] as number[]) : undefined;

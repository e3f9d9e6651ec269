import type { DataType } from '@koinon/onnx';
import { GraphWriter } from './graph-writer.js';

export interface LoopSpec {
  name: string;
  count: number;
  /** Values the body replaces in every iteration. */
  carried: readonly { initial: string; type: DataType; dims: readonly number[] }[];
  /** Shapes of float32 values the loop stacks over its iterations. */
  collected: readonly (readonly number[])[];
  body(graph: GraphWriter, iteration: string, carried: readonly string[]): { carried: string[]; collected: string[] };
}

/** Emits `count` iterations of `body` as one ONNX Loop. The body sees the values of the graph around it. */
export function emitLoop(graph: GraphWriter, spec: LoopSpec): { carried: string[]; collected: string[] } {
  const body = new GraphWriter(graph.names);
  const iteration = body.input(`${spec.name}.iteration`, 'int64', []);
  const condition = body.input(`${spec.name}.condition`, 'bool', []);
  const inputs = spec.carried.map(({ type, dims }) => body.input(`${spec.name}.carried`, type, dims));
  const result = spec.body(body, iteration, inputs);
  body.output(`${spec.name}.continue`, condition, 'bool', []);
  spec.carried.forEach(({ type, dims }, index) => body.output(`${spec.name}.next`, result.carried[index] as string, type, dims));
  spec.collected.forEach((dims, index) => body.output(`${spec.name}.each`, result.collected[index] as string, 'float32', dims));
  const outputs = graph.multi('Loop', [graph.int(spec.count), '', ...spec.carried.map(({ initial }) => initial)], spec.carried.length + spec.collected.length, {
    body: { graph: body.graph(spec.name) },
  });
  return { carried: outputs.slice(0, spec.carried.length), collected: outputs.slice(spec.carried.length) };
}

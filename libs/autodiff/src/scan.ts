import type { DataType } from '@koinon/onnx';
import { GraphWriter } from './graph-writer.js';

interface Typed {
  type: DataType;
  dims: readonly number[];
}

export interface ScanSpec {
  name: string;
  /** Values the body replaces in every step. */
  carried: readonly (Typed & { initial: string })[];
  /** Values with one slice per step along their leading axis; `dims` are a slice's. The body reads slices in place. */
  scanned: readonly (Typed & { value: string })[];
  /** Shapes of float32 values the scan stacks over its steps. */
  collected: readonly (readonly number[])[];
  body(
    graph: GraphWriter,
    carried: readonly string[],
    slices: readonly string[],
  ): { carried: string[]; collected: string[] };
}

/** Emits `body` once per slice as one ONNX Scan. The body sees the values of the graph around it. */
export function emitScan(graph: GraphWriter, spec: ScanSpec): { carried: string[]; collected: string[] } {
  const body = new GraphWriter(graph.names);
  const input =
    (role: string) =>
    ({ type, dims }: Typed) =>
      body.input(`${spec.name}.${role}`, type, dims);
  const result = spec.body(body, spec.carried.map(input('carried')), spec.scanned.map(input('slice')));
  spec.carried.forEach(({ type, dims }, index) => body.output(`${spec.name}.next`, result.carried[index]!, type, dims));
  spec.collected.forEach((dims, index) => body.output(`${spec.name}.each`, result.collected[index]!, 'float32', dims));
  const inputs = [...spec.carried.map(({ initial }) => initial), ...spec.scanned.map(({ value }) => value)];
  const outputs = graph.multi('Scan', inputs, spec.carried.length + spec.collected.length, {
    body: { graph: body.graph(spec.name) },
    num_scan_inputs: spec.scanned.length,
  });
  return { carried: outputs.slice(0, spec.carried.length), collected: outputs.slice(spec.carried.length) };
}

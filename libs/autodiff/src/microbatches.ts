import type { DataType } from '@koinon/onnx';
import { batchGradients, type BatchGradients, type BatchInputs, type GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import { emitScan } from './scan.js';

/**
 * Gradients of a batch in pieces of `problem.program.batch` records, added up by a Scan: as much memory as one piece,
 * the same sums. `inputs` describe the whole batch of `records`.
 */
export function accumulatedGradients(
  graph: GraphWriter,
  problem: GradientProblem,
  inputs: BatchInputs,
  records: number,
): BatchGradients {
  const size = problem.program.batch;
  if (size === records) return batchGradients(graph, problem, inputs);
  const { features, output, values } = problem.program;
  const trainable = [...problem.trainable];
  const own = (name: string) => values.get(name) as { type: DataType; dims: number[] };
  const pieces = <T extends { value: string; dims: readonly number[] }>(whole: T): T => ({
    ...whole,
    value: graph.reshape(whole.value, [records / size, ...whole.dims]),
  });
  const labels =
    problem.loss === 'cross-entropy'
      ? { type: 'int64' as const, dims: [size] }
      : { type: 'float32' as const, dims: own(output).dims };

  const scan = emitScan(graph, {
    name: 'microbatches',
    carried: trainable.map((name) => ({ initial: graph.zeros(own(name).dims), ...own(name) })),
    scanned: [
      pieces({
        value: inputs.factor,
        type: 'float32',
        dims: own(output).dims.map((extent, axis) => (axis === 0 ? extent : 1)),
      }),
      pieces({ value: inputs.labels, ...labels }),
      ...features.map(({ name }) => pieces({ value: inputs.bindings.get(name) ?? name, ...own(name) })),
    ],
    collected: inputs.bound === undefined ? [[size]] : [[size], [size]],
    body(body, carried, [factor, labels, ...slices]) {
      const bindings = new Map([
        ...inputs.bindings,
        ...features.map(({ name }, index) => [name, slices[index]!] as const),
      ]);
      const piece = batchGradients(body, problem, {
        ...inputs,
        bindings,
        labels: labels!,
        factor: factor!,
      });
      return {
        carried: carried.map((sum, index) => body.op('Add', [sum, piece.gradients.get(trainable[index]!)!])),
        collected: piece.norms === undefined ? [piece.losses] : [piece.losses, piece.norms],
      };
    },
  });
  const [losses, norms] = scan.collected.map((value) => graph.reshape(value, [records]));
  return {
    gradients: new Map(trainable.map((name, index) => [name, scan.carried[index]!])),
    losses: losses!,
    ...(norms !== undefined && { norms }),
    statistics: new Map(),
  };
}

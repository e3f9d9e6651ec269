import type { DataType } from '@koinon/onnx';
import { batchGradients, type BatchGradients, type BatchInputs, type GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import { emitScan } from './scan.js';

/**
 * Gradients of a batch in pieces of `problem.program.batch` records, added up by a Scan: as much memory as one piece,
 * the same sums. `inputs` describe the whole batch of `records`; the weight is [records].
 */
export function accumulatedGradients(graph: GraphWriter, problem: GradientProblem, inputs: BatchInputs, records: number): BatchGradients {
  const size = problem.program.batch;
  if (size === records) return batchGradients(graph, problem, inputs);
  const { features, output, values } = problem.program;
  const trainable = [...problem.trainable];
  const own = (name: string) => values.get(name) as { type: DataType; dims: number[] };
  const pieces = <T extends { value: string; dims: readonly number[] }>(whole: T): T => ({ ...whole, value: graph.reshape(whole.value, [records / size, ...whole.dims]) });
  const labels = problem.loss === 'cross-entropy' ? { type: 'int64' as const, dims: [size] } : { type: 'float32' as const, dims: own(output).dims };

  const result = emitScan(graph, {
    name: 'microbatches',
    carried: [...trainable.map((name) => ({ initial: graph.zeros(own(name).dims), ...own(name) })), { initial: graph.float(0), type: 'float32', dims: [] }],
    scanned: [
      pieces({ value: inputs.weight, type: 'float32', dims: [size] }),
      pieces({ value: inputs.labels, ...labels }),
      ...features.map(({ name }) => pieces({ value: inputs.bindings.get(name) ?? name, ...own(name) })),
    ],
    collected: inputs.bound === undefined ? [] : [[size]],
    body(body, carried, [weight, labels, ...slices]) {
      const bindings = new Map([...inputs.bindings, ...features.map(({ name }, index) => [name, slices[index] as string] as const)]);
      const piece = batchGradients(body, problem, { ...inputs, bindings, labels: labels as string, weight: weight as string });
      const sums = [...trainable.map((name) => piece.gradients.get(name) as string), piece.loss];
      return {
        carried: carried.map((sum, index) => body.op('Add', [sum, sums[index] as string])),
        collected: piece.norms === undefined ? [] : [piece.norms],
      };
    },
  });
  const [norms] = result.collected;
  return {
    gradients: new Map(trainable.map((name, index) => [name, result.carried[index] as string])),
    loss: result.carried[trainable.length] as string,
    ...(norms !== undefined && { norms: graph.reshape(norms, [records]) }),
    statistics: new Map(),
  };
}

import { batchGradients, type BatchGradients, type BatchInputs, type GradientProblem } from './batch-gradients.js';
import type { GraphWriter } from './graph-writer.js';
import { emitLoop } from './loop.js';

/**
 * Gradients of a batch in pieces of `problem.program.batch` records, added up by a Loop: as much memory as one piece,
 * the same sums. `inputs` describe the whole batch of `records`; the weight is [records].
 */
export function accumulatedGradients(graph: GraphWriter, problem: GradientProblem, inputs: BatchInputs, records: number): BatchGradients {
  const size = problem.program.batch;
  if (size === records) return batchGradients(graph, problem, inputs);
  const count = records / size;
  const dims = (name: string) => problem.program.values.get(name)?.dims ?? [];
  const pieces = (value: string, rest: readonly number[]) => graph.reshape(value, [count, size, ...rest]);
  const features = new Map(problem.program.features.map(({ name }) => [name, pieces(inputs.bindings.get(name) ?? name, dims(name).slice(1))]));
  const labels = pieces(inputs.labels, problem.loss === 'cross-entropy' ? [] : dims(problem.program.output).slice(1));
  const weights = pieces(inputs.weight, []);
  const trainable = [...problem.trainable];
  const zero = { type: 'float32' as const };

  const result = emitLoop(graph, {
    name: 'microbatches',
    count,
    carried: [...trainable.map((name) => ({ ...zero, initial: graph.zeros(dims(name)), dims: dims(name) })), { ...zero, initial: graph.float(0), dims: [] }],
    collected: inputs.bound === undefined ? [] : [[size]],
    body(body, iteration, carried) {
      const take = (value: string) => body.op('Gather', [value, iteration], { axis: 0 });
      const bindings = new Map(inputs.bindings);
      for (const [name, value] of features) bindings.set(name, take(value));
      const piece = batchGradients(body, problem, {
        bindings, labels: take(labels), weight: take(weights), ...(inputs.bound !== undefined && { bound: inputs.bound }), ...(inputs.scale !== undefined && { scale: inputs.scale }),
      });
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

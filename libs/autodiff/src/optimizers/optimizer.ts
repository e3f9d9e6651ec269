import type { GraphWriter } from '../graph-writer.js';

export interface UpdateInputs {
  parameter: string;
  gradient: string;
  learningRate: string;
  /** The optimiser's own values for this parameter, in the order of `slots`. */
  slots: readonly string[];
  /** The optimiser's scalars, already advanced to this step, in the order of `scalars`. */
  scalars: readonly string[];
}

/** One optimiser as graph operators. All its state starts at zero. */
export interface Optimizer {
  /** State of a parameter's shape. */
  readonly slots: readonly string[];
  /** State shared by all parameters, float32 scalars. */
  readonly scalars: readonly string[];
  /** The step is −η·gradient and nothing else, so η may be multiplied into the gradient where that is cheaper. */
  readonly linear: boolean;
  /** Intermediate values of a parameter's shape that an update holds at once, at most. */
  readonly scratch: number;
  advance(graph: GraphWriter, scalars: readonly string[]): string[];
  update(graph: GraphWriter, inputs: UpdateInputs): { parameter: string; slots: string[] };
}

export function timesConstant(graph: GraphWriter, value: string, factor: number): string {
  return graph.op('Mul', [value, graph.float(factor)]);
}

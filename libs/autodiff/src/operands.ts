import { integers, placeOf, type Node } from '@koinon/onnx';
import { AutodiffError } from './errors.js';
import { inputOf, type Scope } from './rule.js';

/** Integers an operator reads from an input (axes, pads, a shape); undefined where the input is not given. */
export function integerOperand(scope: Pick<Scope, 'constant'>, node: Node, index: number): number[] | undefined {
  const name = inputOf(node, index);
  if (name === '') return undefined;
  const tensor = scope.constant(name);
  if (tensor === undefined) {
    throw new AutodiffError(
      'AUTODIFF_DYNAMIC_OPERAND',
      `${placeOf(node)}: input ${index} must be known when the graph is built, but it depends on the data. Export the model with constant shapes.`,
    );
  }
  return integers(tensor);
}

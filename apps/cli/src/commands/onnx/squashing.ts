import { elementCount, type Graph, type Node } from '@koinon/onnx';

/** The operator that made a value's numbers shares or probabilities. */
export interface Squashing {
  readonly node: Node;
  /** The value holds all numbers of the operator, in their order. */
  readonly whole: boolean;
}

const squashing = new Set(['Sigmoid', 'Softmax', 'HardSigmoid', 'LogSoftmax']);

/** Operators that keep every number and its place in memory. */
const reshaping = new Set(['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);
/** Operators that choose, order or map the numbers of their first input one by one. */
const choosing = new Set(['Slice', 'Gather', 'Split', 'Transpose', 'Clip', 'Cast', 'Neg', 'Log']);
/** Operators that do so where every other input is one known number; many numbers are a layer of their own. */
const arithmetic = new Set(['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max']);

/** The last operator whose squashed numbers a value holds, whatever has moved, scaled or cut them since. */
export function squashingBehind(graph: Graph, value: string): Squashing | undefined {
  const numbers = knownNumbers(graph);
  const reached = new Map([[value, true]]);
  for (const node of graph.nodes.toReversed()) {
    const found = node.outputs.find((name) => reached.has(name));
    if (found === undefined || node.domain !== '') continue;
    const whole = reached.get(found) === true;
    if (squashing.has(node.op)) return { node, whole };
    for (const name of sourcesOf(node, numbers)) reached.set(name, whole && reshaping.has(node.op));
  }
  return undefined;
}

/** Inputs whose numbers a node passes on. */
function sourcesOf({ op, inputs }: Node, numbers: ReadonlySet<string>): string[] {
  if (reshaping.has(op) || choosing.has(op)) return inputs.slice(0, 1);
  if (op === 'Concat') return inputs;
  const variable = arithmetic.has(op) ? inputs.filter((name) => !numbers.has(name)) : [];
  return variable.length === 1 ? variable : [];
}

function knownNumbers({ nodes, initializers }: Graph): Set<string> {
  const numbers = new Set(
    [...initializers.values()].filter(({ dims }) => elementCount(dims) === 1).map(({ name }) => name),
  );
  for (const {
    inputs,
    outputs,
    attributes: { value },
  } of nodes) {
    const isNumber =
      inputs.length === 0
        ? value?.kind !== 'tensor' || elementCount(value.value.dims) === 1
        : inputs.every((name) => numbers.has(name));
    if (isNumber) for (const name of outputs) numbers.add(name);
  }
  return numbers;
}

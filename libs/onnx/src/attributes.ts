import { OnnxError, printable, quoted } from './error.js';
import type { Attribute, Graph, Node, Tensor } from './ir.js';

/** Attribute constructors: `attr.ints([1, 1])`. */
export const attr = {
  int: (value: number): Attribute => ({ kind: 'int', value }),
  float: (value: number): Attribute => ({ kind: 'float', value }),
  string: (value: string): Attribute => ({ kind: 'string', value }),
  ints: (value: readonly number[]): Attribute => ({ kind: 'ints', value: [...value] }),
  floats: (value: readonly number[]): Attribute => ({ kind: 'floats', value: [...value] }),
  strings: (value: readonly string[]): Attribute => ({ kind: 'strings', value: [...value] }),
  tensor: (value: Tensor): Attribute => ({ kind: 'tensor', value }),
  graph: (value: Graph): Attribute => ({ kind: 'graph', value }),
};

type Kinds = { [Each in Attribute as Each['kind']]: Each['value'] };

/** The value of an attribute, or undefined when absent. @throws OnnxError ONNX_UNSUPPORTED_TYPE on another kind */
export function attribute<Kind extends keyof Kinds>(node: Node, name: string, kind: Kind): Kinds[Kind] | undefined {
  const found = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  if (found === undefined) return undefined;
  if (found.kind !== kind) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      placeOf(node),
      `attribute ${quoted(name)} must be ${kind}, it is ${found.kind}`,
    );
  }
  return found.value as Kinds[Kind];
}

/** `node "conv1" (Conv)`, or the first output's name where the node itself has none. */
export function placeOf(node: Pick<Node, 'name' | 'op' | 'outputs'>): string {
  return `node ${quoted(node.name || node.outputs.find(Boolean) || '')} (${printable(node.op, 40)})`;
}

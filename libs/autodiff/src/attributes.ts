import { attribute, type Node } from '@koinon/onnx';

/** Attributes with the operator's default where the node does not give them. */
export function intOf(node: Node, name: string, otherwise: number): number {
  return attribute(node, name, 'int') ?? otherwise;
}

export function floatOf(node: Node, name: string, otherwise: number): number {
  return attribute(node, name, 'float') ?? otherwise;
}

export function stringOf(node: Node, name: string, otherwise: string): string {
  return attribute(node, name, 'string') ?? otherwise;
}

export function intsOf(node: Node, name: string, otherwise: readonly number[]): readonly number[] {
  return attribute(node, name, 'ints') ?? otherwise;
}

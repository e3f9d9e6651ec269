import { attribute } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import type { Attribute, Graph, Node, Tensor } from '../ir.js';
import { constantsOf } from './constants.js';

/** New names for values of a graph that becomes part of another. */
type Renaming = ReadonlyMap<string, string>;

/**
 * The graph with each If whose condition is constant replaced by the branch that it takes; exporters write such for sizes
 * that they do not know yet. The same object where there is none.
 */
export function inlineKnownBranches(graph: Graph): Graph {
  const constants = constantsOf(graph);
  const taken = new Map(
    graph.nodes.flatMap((node) => {
      const branch = branchTaken(node, constants);
      return branch ? [[node, branch] as const] : [];
    }),
  );
  if (taken.size === 0) return graph;
  const initializers = new Map(graph.initializers);
  const builder = new GraphBuilder(graph.name, graph);
  const nodes = graph.nodes.flatMap((node) => {
    const branch = taken.get(node);
    if (branch === undefined) return [node];
    const names = new Map(definedIn(branch).map((name) => [name, builder.unused(name)]));
    for (const [name, tensor] of branch.initializers)
      initializers.set(names.get(name)!, { ...tensor, name: names.get(name)! });
    const results = branch.outputs.map(({ name }, index) =>
      identity(names.get(name) ?? name, node.outputs[index] ?? ''),
    );
    return [...branch.nodes.map((inner) => renamedNode(inner, names)), ...results];
  });
  return { ...graph, nodes, initializers };
}

function branchTaken(node: Node, constants: ReadonlyMap<string, Tensor>): Graph | undefined {
  const condition = node.op === 'If' ? constants.get(node.inputs[0] ?? '')?.data[0] : undefined;
  return condition === undefined ? undefined : attribute(node, condition ? 'then_branch' : 'else_branch', 'graph');
}

function renamedNode(node: Node, names: Renaming): Node {
  const rename = (name: string): string => names.get(name) ?? name;
  const attributes = Object.entries(node.attributes).map(([name, attribute]) => [
    name,
    renamedAttribute(attribute, names),
  ]);
  return {
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes: Object.fromEntries(attributes) as Node['attributes'],
  };
}

/** A graph inside sees the new names, but for those that it defines itself. */
function renamedAttribute(attribute: Attribute, names: Renaming): Attribute {
  if (attribute.kind !== 'graph') return attribute;
  const { nodes, outputs } = attribute.value;
  const own = new Set(definedIn(attribute.value));
  const outer = new Map([...names].filter(([name]) => !own.has(name)));
  const value = {
    ...attribute.value,
    nodes: nodes.map((node) => renamedNode(node, outer)),
    outputs: outputs.map((output) => ({ ...output, name: outer.get(output.name) ?? output.name })),
  };
  return { ...attribute, value };
}

const definedIn = ({ inputs, initializers, nodes }: Graph): string[] =>
  [...inputs.map(({ name }) => name), ...initializers.keys(), ...nodes.flatMap(({ outputs }) => outputs)].filter(
    (name) => name !== '',
  );

const identity = (from: string, to: string): Node => ({
  op: 'Identity',
  domain: '',
  name: '',
  inputs: [from],
  outputs: [to],
  attributes: {},
});

import { referencesOf } from '../check-graph.js';
import type { Graph, Node } from '../ir.js';

/** The graph without nodes, initializers and shape notes that no output depends on. Inputs stay: they are the interface. */
export function pruneDeadNodes(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    nodes.push(node);
    for (const name of referencesOf(node)) needed.add(name);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    valueInfo: graph.valueInfo.filter(({ name }) => needed.has(name)),
  };
}

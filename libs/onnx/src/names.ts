import type { Graph } from './ir.js';

/** The names of all values that a graph, and the graphs inside it, define. */
export function* namesIn(graph: Graph): Generator<string> {
  for (const { name } of graph.inputs) yield name;
  yield* graph.initializers.keys();
  for (const { outputs, attributes } of graph.nodes) {
    yield* outputs;
    for (const attribute of Object.values(attributes)) if (attribute.kind === 'graph') yield* namesIn(attribute.value);
  }
}

import type { Graph, Tensor } from '../ir.js';

/** Initializers that cannot change. One that is also a graph input is only a default that a caller may override. */
export function constantsOf(graph: Graph): Map<string, Tensor> {
  const constants = new Map(graph.initializers);
  for (const { name } of graph.inputs) constants.delete(name);
  return constants;
}

import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr } from './index.js';
import type { Graph } from './index.js';
import { altered, node, refusal } from './refusal.fixture.js';

/** If nests as deep as `levels` graphs. */
function nested(levels: number): Graph {
  const graph = new GraphBuilder(`level ${levels}`);
  const condition = graph.constant('bool', [], [1]);
  const branch = levels > 1 ? nested(levels - 1) : leaf();
  graph.op('If', [condition], { then_branch: attr.graph(branch), else_branch: attr.graph(branch) }, 'value');
  graph.output('value', 'float32', []);
  return graph.graph;
}

function leaf(): Graph {
  const graph = new GraphBuilder('leaf');
  graph.op('Constant', [], { value_float: attr.float(1) }, 'value');
  graph.output('value', 'float32', []);
  return graph.graph;
}

describe('the check of a graph', () => {
  it('names the node of a cycle, not one behind it', () => {
    expect(
      refusal(
        altered(({ nodes }) => {
          nodes.unshift(node('Exp', ['b'], ['behind']), node('Add', ['x', 'b'], ['a']), node('Neg', ['a'], ['b']));
        }),
      ),
    ).toEqual({ code: 'ONNX_CYCLIC', place: expect.stringMatching(/^node "the (Add|Neg)"/) as string });
  });

  it('tells nodes in the wrong order from a cycle', () => {
    expect(refusal(altered(({ nodes }) => nodes.reverse()))).toEqual({
      code: 'ONNX_UNSORTED',
      place: 'node "Sigmoid_1" (Sigmoid)',
    });
  });

  it('counts the nodes before it looks at any', () => {
    const nodes = Array.from({ length: 99_000 }, (_, index) => node('Relu', ['ghost'], [`y${index}`]));
    expect(refusal(altered((graph) => graph.nodes.push(...nodes)))).toEqual({
      code: 'ONNX_TOO_LARGE',
      place: 'graph "logistic"',
    });
  });

  it.each<[string, (graph: Graph) => void, string, string]>([
    [
      'an input that nothing defines',
      ({ nodes }) => nodes.push(node('Relu', ['ghost'], ['y'])),
      'ONNX_DANGLING',
      'node "the Relu" (Relu)',
    ],
    [
      'an output that nothing makes',
      ({ outputs }) => outputs.push({ name: 'ghost' }),
      'ONNX_DANGLING',
      'output "ghost"',
    ],
    ['no output', ({ outputs }) => outputs.splice(0), 'ONNX_DANGLING', 'graph "logistic"'],
    [
      'a value made twice',
      ({ nodes }) => nodes.push(node('Relu', ['x'], ['logit'])),
      'ONNX_DUPLICATE_NAME',
      'node "the Relu" (Relu)',
    ],
    [
      'a node that makes an input',
      ({ nodes }) => nodes.push(node('Relu', ['logit'], ['x'])),
      'ONNX_DUPLICATE_NAME',
      'node "the Relu" (Relu)',
    ],
    [
      'an output declared twice',
      ({ outputs }) => outputs.push({ name: 'probability' }),
      'ONNX_DUPLICATE_NAME',
      'output "probability"',
    ],
    [
      'a node without an operator',
      ({ nodes }) => nodes.push(node('', ['x'], ['y'])),
      'ONNX_MISSING_NAME',
      'node "the " ()',
    ],
    [
      'a node of a domain not imported',
      ({ nodes }) => nodes.push({ ...node('Gelu', ['x'], ['y']), domain: 'com.microsoft' }),
      'ONNX_UNKNOWN_OPSET',
      'node "the Gelu" (Gelu)',
    ],
    [
      'graphs nested too deep',
      (graph) => {
        graph.nodes.push(node('If', ['bias'], ['y'], { then_branch: attr.graph(nested(8)) }));
      },
      'ONNX_TOO_DEEP',
      'graph "level 2"',
    ],
  ])('refuses %s', (_, change, code, place) => {
    expect(refusal(altered(change))).toEqual({ code, place });
  });
});

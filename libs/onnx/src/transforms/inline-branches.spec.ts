import { describe, expect, it } from 'vitest';
import { GraphBuilder, attr, checkModel, loadSession, runSession, tensorOf } from '../index.js';
import type { Graph, Model } from '../index.js';
import { inlineKnownBranches } from './inline-branches.js';

/** x + 1 through a second If inside, which reads a value of this branch; every graph calls its constant `const_0`. */
function raising(): Graph {
  const graph = new GraphBuilder('raising');
  const raised = graph.op('Add', ['x', graph.float(1)]);
  const inner = new GraphBuilder('inner');
  inner.op('Mul', [raised, inner.float(10)], {}, 'mul');
  inner.output('mul');
  const same = new GraphBuilder('same');
  same.output(same.op('Identity', [raised]));
  graph.op('If', ['isLarge'], { then_branch: attr.graph(inner.graph), else_branch: attr.graph(same.graph) }, 'result');
  graph.output('result');
  return graph.graph;
}

function passing(): Graph {
  const graph = new GraphBuilder('passing');
  graph.output('x');
  return graph.graph;
}

function conditional(condition: number): Model {
  const graph = new GraphBuilder('conditional');
  graph.input('x', 'float32', [2]);
  graph.input('isLarge', 'bool', []);
  const known = graph.constant('bool', [], [condition]);
  const first = graph.op('If', [known], { then_branch: attr.graph(raising()), else_branch: attr.graph(passing()) });
  graph.op(
    'Add',
    [first, graph.op('If', [known], { then_branch: attr.graph(raising()), else_branch: attr.graph(passing()) })],
    {},
    'y',
  );
  graph.output('y');
  return graph.model();
}

describe('inlineKnownBranches', () => {
  it.each([
    [1, 1, [40, 80]],
    [1, 0, [4, 8]],
    [0, 1, [2, 6]],
  ])('keeps what the model computes (condition %d, condition inside %d)', async (condition, isLarge, expected) => {
    const model = conditional(condition);
    const inlined = checkModel({ ...model, graph: inlineKnownBranches(model.graph) });
    expect(inlined.graph.nodes.filter(({ op }) => op === 'If')).toHaveLength(condition ? 2 : 0);
    const session = await loadSession(inlined, 'disabled');
    const { y } = await runSession(session, {
      x: tensorOf('float32', [2], [1, 3]),
      isLarge: tensorOf('bool', [], [isLarge]),
    });
    expect(Array.from(y!.data, Number)).toEqual(expected);
    await session.release();
  });

  it('leaves a condition that only the data knows', () => {
    const { graph } = conditional(1);
    graph.nodes = graph.nodes.map((node) => (node.op === 'If' ? { ...node, inputs: ['isLarge'] } : node));
    expect(inlineKnownBranches(graph)).toBe(graph);
  });
});

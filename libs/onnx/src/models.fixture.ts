import { GraphBuilder, attr } from './index.js';
import type { Model } from './index.js';

/** probability = sigmoid(x · weight + bias), for rows of three features. */
export function logisticModel(weight: readonly number[] = [1, -2, 0.5]): Model {
  const graph = new GraphBuilder('logistic');
  graph.input('x', 'float32', ['batch', 3]);
  graph.initializer('weight', 'float32', [3, 1], weight);
  graph.initializer('bias', 'float32', [1], [0.25]);
  graph.op('Gemm', ['x', 'weight', 'bias'], {}, 'logit');
  graph.op('Sigmoid', ['logit'], {}, 'probability');
  graph.output('probability', 'float32', ['batch', 1]);
  return graph.model({ metadata: new Map([['task', 'triage']]) });
}

/** doubled = start · 2^times, with the doubling inside a Loop that reads `factor` from the graph around it. */
export function loopModel(): Model {
  const body = new GraphBuilder('body');
  body.input('step', 'int64', []);
  body.input('condition', 'bool', []);
  body.input('value', 'float32', [2]);
  body.op('Identity', ['condition'], {}, 'again');
  body.op('Mul', ['value', 'factor'], {}, 'next');
  body.output('again', 'bool', []);
  body.output('next', 'float32', [2]);
  const graph = new GraphBuilder('outer');
  graph.input('times', 'int64', []);
  graph.initializer('factor', 'float32', [], [2]);
  graph.initializer('start', 'float32', [2], [1, 3]);
  graph.op('Loop', ['times', '', 'start'], { body: attr.graph(body.graph) }, 'doubled');
  graph.output('doubled', 'float32', [2]);
  return graph.model();
}

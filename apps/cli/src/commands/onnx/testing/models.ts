import { GraphBuilder, attr, type Model } from '@koinon/onnx';

/** Numbers in [-0.5, 0.5) that look irregular and never change. */
export function irregular(count: number, phase = 0): number[] {
  return Array.from({ length: count }, (_, index) => ((index * 0.618034 + phase) % 1) - 0.5);
}

/** A small image classifier: image [N, 1, 8, 8] → convolution, Relu, average, dense, Softmax over three classes. */
export function classifier(): Model {
  const graph = new GraphBuilder('classifier');
  const image = graph.input('image', 'float32', ['N', 1, 8, 8]);
  const kernel = graph.initializer('kernel', 'float32', [4, 1, 3, 3], irregular(36));
  const bias = graph.initializer('bias', 'float32', [4], irregular(4, 0.3));
  const weight = graph.initializer('weight', 'float32', [4, 3], irregular(12, 0.1));
  const features = graph.op('Relu', [graph.op('Conv', [image, kernel, bias], { pads: attr.ints([1, 1, 1, 1]) })]);
  const scores = graph.op(
    'MatMul',
    [graph.op('Flatten', [graph.op('GlobalAveragePool', [features])]), weight],
    {},
    'scores',
  );
  graph.output(graph.op('Softmax', [scores], {}, 'classes'), 'float32', ['N', 3]);
  return graph.model();
}

/** The sum of two inputs, grey [N, 3] and labels [N, 1]. */
export function twoInputs(): Model {
  const graph = new GraphBuilder('two-inputs');
  graph.output(
    graph.op('Add', [graph.input('grey', 'float32', ['N', 3]), graph.input('labels', 'float32', ['N', 1])], {}, 'sum'),
    'float32',
    ['N', 3],
  );
  return graph.model();
}

/** x [N, 2] times a weight that is a node. */
export function constantWeights(): Model {
  const graph = new GraphBuilder('constant-weights');
  const weight = graph.op('Constant', [], {
    value: attr.tensor({ name: '', type: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) }),
  });
  graph.output(graph.op('MatMul', [graph.input('x', 'float32', ['N', 2]), weight], {}, 'y'));
  return graph.model();
}

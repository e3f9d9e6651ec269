import { GraphBuilder, type Model } from '@koinon/onnx';
import type { RecordsSchema } from './records-schema.js';

/**
 * probability = σ(clip((features − centre) / halfWidth, ±clip) · weight + bias), float32.
 *
 * Input [N, F] of raw values named by the schema, output `probability` [N, 1], inner value `logits` [N, 1],
 * trainable initializers `weight` [F, 1] and `bias` [1], all zero: every first prediction is one half. Centres and
 * half-widths come from public clinical knowledge, so normalising releases nothing about any record.
 */
export function logisticRegression(schema: RecordsSchema): Model {
  const graph = new GraphBuilder(schema.name);
  const width = schema.features.length;
  const { name, clip } = schema.input;
  const features = graph.input(name, 'float32', ['N', width]);
  const centre = graph.initializer(
    'centre',
    'float32',
    [width],
    schema.features.map((feature) => feature.centre),
  );
  const halfWidth = graph.initializer(
    'half_width',
    'float32',
    [width],
    schema.features.map((feature) => feature.halfWidth),
  );
  const weight = graph.initializer('weight', 'float32', [width, 1], new Float32Array(width));
  const bias = graph.initializer('bias', 'float32', [1], new Float32Array(1));

  const scaled = graph.op('Div', [graph.op('Sub', [features, centre]), halfWidth]);
  const normalised = graph.op('Clip', [scaled, graph.float(-clip), graph.float(clip)], {}, 'normalised');
  const logits = graph.op('Gemm', [normalised, weight, bias], {}, 'logits');
  graph.output(graph.op('Sigmoid', [logits], {}, 'probability'), 'float32', ['N', 1]);
  return graph.model();
}

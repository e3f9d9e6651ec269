import { GraphBuilder } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// registers the gradients of all operators, which the core's CommonJS bundle leaves out
import '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { randomSource, uniform } from '../random.js';
import { relativeDifference, trainer } from '../../test/training-run.js';
import type { TrainingOptions } from '../index.js';

tf.env().set('IS_NODE', false);

const RECORDS = 5;
const mask = [1, 1, 0, 1, 1];
const PRESENT = 4;

type Choice = Pick<TrainingOptions, 'loss' | 'classWeights' | 'labelSmoothing'>;

/** Loss and its gradient by the logits themselves, which are the model's only parameter. */
async function measured(
  choice: Choice,
  logits: Float32Array,
  outputs: number,
  labels: Float32Array | BigInt64Array,
): Promise<{ loss: number; gradient: Float32Array }> {
  const graph = new GraphBuilder('logits');
  const x = graph.input('x', 'float32', ['batch', outputs]);
  graph.op('Add', [x, graph.initializer('values', 'float32', [RECORDS, outputs], logits)], {}, 'logits');
  graph.output('logits');
  const own = await trainer(graph.model(), {
    trainable: ['values'],
    output: 'logits',
    optimizer: { kind: 'none' },
    batch: RECORDS,
    ...choice,
  });
  const result = await own.run({
    features: { x: new Float32Array(RECORDS * outputs) },
    labels,
    mask: Float32Array.from(mask),
  });
  await own.release();
  return { loss: result.loss[0]!, gradient: result.gradients['values']! };
}

function reference(
  logits: Float32Array,
  outputs: number,
  loss: (z: tf.Tensor2D) => tf.Tensor,
): { loss: number; gradient: Float32Array } {
  return tf.tidy(() => {
    // tf gives one loss per record; masked ones are left out of the mean
    const mean = (z: tf.Tensor) =>
      tf.div<tf.Scalar>(tf.sum(tf.mul(loss(z as tf.Tensor2D), tf.tensor1d(mask))), PRESENT);
    const { value, grad } = tf.valueAndGrad(mean)(tf.tensor2d(logits, [RECORDS, outputs]));
    return { loss: value.dataSync()[0]!, gradient: grad.dataSync().slice() as Float32Array };
  });
}

const CLASSES = 4;
const random = randomSource(21);
const logits = uniform(random, RECORDS * CLASSES, -3, 3);
const classLabels = [2, 0, 1, 3, 2];
const binaryLabels = [0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1];
const target = (smoothing: number) =>
  tf.add(tf.mul(tf.oneHot(tf.tensor1d(classLabels, 'int32'), CLASSES), 1 - smoothing), smoothing / CLASSES);
const binaryTarget = (smoothing: number) =>
  tf.add(tf.mul(tf.tensor2d(binaryLabels, [RECORDS, CLASSES]), 1 - smoothing), smoothing / 2);
const softplus = (z: tf.Tensor) => tf.softplus(z);

const cases: {
  name: string;
  choice: Choice;
  labels: Float32Array | BigInt64Array;
  loss: (z: tf.Tensor2D) => tf.Tensor;
}[] = [
  ...[
    {},
    { labelSmoothing: 0.1 },
    { classWeights: [1, 0.5, 2, 3] },
    { classWeights: [1, 0.5, 2, 3], labelSmoothing: 0.2 },
  ].map((extra: Omit<Choice, 'loss'>) => ({
    name: `cross-entropy ${JSON.stringify(extra)}`,
    choice: { loss: 'cross-entropy' as const, ...extra },
    labels: BigInt64Array.from(classLabels, BigInt),
    loss: (z: tf.Tensor2D) =>
      tf.neg(
        tf.sum(
          tf.mul(tf.mul(target(extra.labelSmoothing ?? 0), extra.classWeights ?? tf.ones([CLASSES])), tf.logSoftmax(z)),
          1,
        ),
      ),
  })),
  ...[{}, { labelSmoothing: 0.1 }, { classWeights: [0.5, 3] }, { classWeights: [0.5, 3], labelSmoothing: 0.2 }].map(
    (extra: Omit<Choice, 'loss'>) => ({
      name: `binary-cross-entropy ${JSON.stringify(extra)}`,
      choice: { loss: 'binary-cross-entropy' as const, ...extra },
      labels: Float32Array.from(binaryLabels),
      loss: (z: tf.Tensor2D) => {
        const y = binaryTarget(extra.labelSmoothing ?? 0);
        const [negative, positive] = extra.classWeights ?? [1, 1];
        const ones = tf.mul(tf.mul(y, positive!), softplus(tf.neg(z)));
        return tf.mean(tf.add(ones, tf.mul(tf.mul(tf.sub(1, y), negative!), softplus(z))), 1);
      },
    }),
  ),
  {
    name: 'mse',
    choice: { loss: 'mse' },
    labels: Float32Array.from(binaryLabels),
    loss: (z) => tf.mean(tf.squaredDifference(z, tf.tensor2d(binaryLabels, [RECORDS, CLASSES])), 1),
  },
];

describe('losses', () => {
  it.each(cases)('$name and its gradient agree with TensorFlow.js', async ({ choice, labels, loss }) => {
    const own = await measured(choice, logits, CLASSES, labels);
    const expected = reference(logits, CLASSES, loss);
    expect(own.loss).toBeCloseTo(expected.loss, 5);
    expect(relativeDifference({ gradient: own.gradient }, { gradient: expected.gradient })).toBeLessThan(1e-5);
  });

  it('stay finite and exact where a naive formula overflows', async () => {
    const extreme = Float32Array.of(120, -120, 120, -120, 0);
    const own = await measured({ loss: 'binary-cross-entropy' }, extreme, 1, Float32Array.of(1, 0, 0, 1, 1));
    // masked: record 2; lost by 120: record 3
    expect(own.loss).toBeCloseTo((0 + 0 + 120 + Math.LN2) / PRESENT, 4);
    expect([...own.gradient]).toEqual([0, 0, 0, -0.25, -0.125]);
  });

  it.each<[string, Choice]>([
    ['smoothing of 1', { loss: 'cross-entropy', labelSmoothing: 1 }],
    ['one weight too few', { loss: 'cross-entropy', classWeights: [1, 2, 3] }],
    ['a negative weight', { loss: 'cross-entropy', classWeights: [1, 2, 3, -1] }],
    ['class weights for mse', { loss: 'mse', classWeights: [1, 2, 3, 4] }],
  ])('refuse %s', async (_name, choice) => {
    await expect(measured(choice, logits, CLASSES, BigInt64Array.from(classLabels, BigInt))).rejects.toMatchObject({
      code: 'AUTODIFF_OPTIONS',
    });
  });
});

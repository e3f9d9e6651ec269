import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// registers the gradients of all operators, which the core's CommonJS bundle leaves out
import '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import { parametersOf, type Network } from './training-models.js';

/** One SGD step on a fixed batch. */
export interface Contender {
  /** Makes its backend the current one. */
  select(): Promise<void>;
  /** Returns the loss before the step. */
  step(): number;
}

/** The network in TensorFlow.js on one thread of the given backend. */
export async function tensorFlowStep(
  network: Network,
  backend: 'cpu' | 'wasm',
  batch: { x: Float32Array; labels: ArrayLike<number>; size: number },
  learningRate: number,
): Promise<Contender> {
  tf.env().set('IS_NODE', false);
  // one thread with SIMD; the threaded build does not start in Node
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const select = async () => {
    await tf.setBackend(backend);
    await tf.ready();
  };
  await select();
  const variables = parametersOf(network).map(({ dims, data }) => {
    const value = tf.tensor(data, dims);
    if (dims.length === 1) return tf.variable(value);
    return tf.variable(tf.transpose(value, dims.length === 4 ? [2, 3, 1, 0] : [1, 0]));
  });
  const rows = tf.tensor(batch.x, [batch.size, ...network.record]);
  const x = network.record.length > 1 ? tf.transpose(rows, [0, 2, 3, 1]) : rows;
  const classes = network.dense.at(-1) ?? 1;
  const labels =
    network.loss === 'cross-entropy'
      ? tf.oneHot(tf.tensor1d(Array.from(batch.labels), 'int32'), classes)
      : tf.tensor2d(Float32Array.from(batch.labels), [batch.size, 1]);
  const optimizer = tf.train.sgd(learningRate);
  return {
    select,
    step() {
      const loss = optimizer.minimize(() => lossOf(network, variables, x, labels), true, variables);
      const value = loss?.dataSync()[0] ?? Number.NaN;
      loss?.dispose();
      return value;
    },
  };
}

function lossOf(network: Network, variables: tf.Variable[], x: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  let value = x;
  const remaining = [...variables];
  const next = () => remaining.shift() as tf.Tensor;
  for (let layer = 0; layer < network.channels.length; layer++) {
    const convolved = tf.add(tf.conv2d(value as tf.Tensor4D, next() as tf.Tensor4D, 1, 'same'), next());
    value = tf.maxPool(tf.relu(convolved) as tf.Tensor4D, 2, 2, 'valid');
  }
  // the dense weights expect channels first, as ONNX flattens them
  if (network.channels.length > 0) value = tf.reshape(tf.transpose(value, [0, 3, 1, 2]), [x.shape[0] ?? 1, -1]);
  for (let layer = 0; layer < network.dense.length; layer++) {
    value = tf.add(tf.matMul(value as tf.Tensor2D, next() as tf.Tensor2D), next());
    if (layer < network.dense.length - 1) value = tf.relu(value);
  }
  return network.loss === 'cross-entropy'
    ? tf.losses.softmaxCrossEntropy(labels, value)
    : tf.losses.sigmoidCrossEntropy(labels, value);
}

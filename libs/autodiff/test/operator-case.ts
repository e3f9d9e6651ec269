import { GraphBuilder, elementCount, type Model } from '@koinon/onnx';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// registers the gradients of all operators, which the core's CommonJS bundle leaves out
import '@tensorflow/tfjs-layers';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { trainingGraph } from '../src/index.js';
import { randomSource, uniform } from '../src/random.js';

// TensorFlow.js otherwise prints an advertisement for its native backend
tf.env().set('IS_NODE', false);

/** One differentiable operand: its shape and the range its elements are drawn from. */
export interface Operand {
  dims: number[];
  low?: number;
  high?: number;
  values?: number[];
}

export interface OperatorCase {
  name: string;
  opset?: number;
  batchNormalization?: 'training';
  operands: Operand[];
  /** Adds the operator on the named operands; returns its output. */
  build(graph: GraphBuilder, a: string, b: string, c: string): string;
  /** The same function in TensorFlow.js, where it has one. */
  reference?(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Tensor;
}

export interface Measured {
  loss: number;
  gradients: Float32Array[];
}

interface Prepared {
  run(operands: Float32Array[]): Promise<Measured>;
  release(): Promise<void>;
  operands: Float32Array[];
  labels: Float32Array;
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `operand${index}`);

function modelOf({ operands, build, opset = 20 }: OperatorCase, values: Float32Array[]): Model {
  const graph = new GraphBuilder('case');
  const inputs = names(operands.length);
  inputs.forEach((name, index) => graph.initializer(name, 'float32', operands[index]!.dims, values[index]!));
  graph.op('Reshape', [build(graph, ...(inputs as [string, string, string])), graph.ints(1, -1)], {}, 'flat');
  graph.output('flat');
  return graph.model({ opset });
}

/** The mean squared distance of the operator's output from random labels, and its gradient by every operand. */
async function prepare(testCase: OperatorCase, seed: number): Promise<Prepared> {
  const random = randomSource(seed);
  const operands = testCase.operands.map(({ dims, low, high, values }) =>
    values ? Float32Array.from(values) : uniform(random, elementCount(dims), low, high),
  );
  const model = modelOf(testCase, operands);
  const graph = await trainingGraph(model, {
    trainable: names(operands.length),
    output: 'flat',
    loss: 'mse',
    optimizer: { kind: 'none' },
    batch: 1,
    ...(testCase.batchNormalization && { batchNormalization: testCase.batchNormalization }),
  });
  const { inputs, outputs } = graph;
  const labels = uniform(random, elementCount(inputs.labels.dims));
  const session = await Session.create(graph.bytes);
  const fixed = {
    [inputs.labels.name]: new Tensor('float32', labels, inputs.labels.dims),
    ...(inputs.mask && { [inputs.mask.name]: new Tensor('float32', Float32Array.of(1), [1]) }),
    ...Object.fromEntries(
      Object.entries(inputs.statistics).map(([key, port]) => [
        port.name,
        new Tensor('float32', (model.graph.initializers.get(key)!.data as Float32Array).slice(), port.dims),
      ]),
    ),
  };
  return {
    operands,
    labels,
    release: () => session.release(),
    async run(values) {
      const feeds = Object.fromEntries(
        values.map((data, index) => [`operand${index}`, new Tensor('float32', data, testCase.operands[index]!.dims)]),
      );
      const results = await session.run({ ...fixed, ...feeds });
      return {
        loss: Number(results[outputs.loss.name]!.data[0]),
        gradients: Object.values(outputs.gradients!).map(({ name }) => results[name]!.data as Float32Array),
      };
    },
  };
}

/** Largest difference as a share of the largest expected gradient, over all operands together. */
function relativeDifference(actual: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  let [difference, largest] = [0, 0];
  expected.forEach((values, operand) => {
    if (actual[operand]!.length !== values.length)
      throw new Error(`operand ${operand}: ${actual[operand]!.length} gradients for ${values.length} elements`);
    for (let index = 0; index < values.length; index++) {
      const error = Math.abs(actual[operand]![index]! - values[index]!);
      difference = Math.max(difference, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      largest = Math.max(largest, Math.abs(values[index]!));
    }
  });
  if (largest === 0) throw new Error('the expected gradient is zero everywhere, so the case shows nothing');
  return difference / largest;
}

/** Distance from TensorFlow.js, relative to its largest gradient. */
export async function differenceFromTensorFlow(testCase: OperatorCase, seed = 1): Promise<number> {
  const prepared = await prepare(testCase, seed);
  const { gradients } = await prepared.run(prepared.operands);
  await prepared.release();
  const expected = tf.tidy(() => {
    const operands = prepared.operands.map((data, index) => tf.tensor(data, testCase.operands[index]!.dims));
    const loss = (...values: tf.Tensor[]) =>
      tf.mean(
        tf.square(
          tf.sub(
            tf.reshape(testCase.reference!(...(values as [tf.Tensor, tf.Tensor, tf.Tensor])), [-1]),
            tf.tensor1d(prepared.labels),
          ),
        ),
      );
    return tf
      .grads(loss)(operands)
      .map((gradient) => gradient.dataSync().slice());
  });
  return relativeDifference(gradients, expected);
}

/** Distance from the five-point central difference, relative to its largest value. Truncation error O(h⁴). */
export async function differenceFromFiniteDifferences(testCase: OperatorCase, seed = 1, h = 0.02): Promise<number> {
  const prepared = await prepare(testCase, seed);
  const { gradients } = await prepared.run(prepared.operands);
  const lossAt = async (operand: number, index: number, offset: number) => {
    const moved = prepared.operands.map((values) => values.slice());
    moved[operand]![index]! += offset;
    return (await prepared.run(moved)).loss;
  };
  const expected: number[][] = [];
  for (const [operand, values] of prepared.operands.entries()) {
    const slopes: number[] = [];
    for (let index = 0; index < values.length; index++) {
      const near = (await lossAt(operand, index, h)) - (await lossAt(operand, index, -h));
      const far = (await lossAt(operand, index, 2 * h)) - (await lossAt(operand, index, -2 * h));
      slopes.push((8 * near - far) / (12 * h));
    }
    expected.push(slopes);
  }
  await prepared.release();
  return relativeDifference(gradients, expected);
}

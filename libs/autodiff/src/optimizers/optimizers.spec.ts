import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { Logistic } from '../../test/logistic.js';
import { relativeDifference } from '../../test/training-run.js';
import type { OptimizerOptions } from './index.js';

const STEPS = 6;
const LEARNING_RATE = 0.3;

type Update = (
  parameter: Float64Array,
  gradient: Float64Array,
  memory: Record<string, Float64Array>,
  step: number,
) => void;

/** The textbook formulas, in double precision and with 1 − βᵗ as it is written there. */
const textbook: { name: string; options: OptimizerOptions; update: Update }[] = [
  {
    name: 'SGD',
    options: { kind: 'sgd' },
    update: (p, g) => {
      p.forEach((value, i) => {
        p[i] = value - LEARNING_RATE * g[i]!;
      });
    },
  },
  {
    name: 'SGD with weight decay',
    options: { kind: 'sgd', weightDecay: 0.1 },
    update: (p, g) => {
      p.forEach((value, i) => {
        p[i] = value - LEARNING_RATE * (g[i]! + 0.1 * value);
      });
    },
  },
  {
    name: 'SGD with momentum and weight decay',
    options: { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 },
    update: (p, g, { velocity: v }) => {
      p.forEach((value, i) => {
        const next = 0.9 * v![i]! + g[i]! + 0.1 * value;
        v![i] = next;
        p[i] = value - LEARNING_RATE * next;
      });
    },
  },
  { name: 'Adam', options: { kind: 'adam' }, update: adaptive(0, 0) },
  {
    name: 'Adam with weight decay',
    options: { kind: 'adam', weightDecay: 0.1, beta1: 0.8, beta2: 0.99 },
    update: adaptive(0.1, 0, 0.8, 0.99),
  },
  { name: 'AdamW', options: { kind: 'adamw', weightDecay: 0.1 }, update: adaptive(0, 0.1) },
];

function adaptive(penalty: number, decay: number, beta1 = 0.9, beta2 = 0.999): Update {
  return (p, g, { mean: m, variance: v }, step) => {
    p.forEach((value, i) => {
      const gradient = g[i]! + penalty * value;
      const mean = beta1 * m![i]! + (1 - beta1) * gradient;
      const variance = beta2 * v![i]! + (1 - beta2) * gradient ** 2;
      m![i] = mean;
      v![i] = variance;
      const direction = mean / (1 - beta1 ** step) / (Math.sqrt(variance / (1 - beta2 ** step)) + 1e-8);
      p[i] = value - LEARNING_RATE * decay * value - LEARNING_RATE * direction;
    });
  };
}

describe('optimisers', () => {
  const problem = new Logistic(5, 8);

  it.each(textbook)('$name follows its formula for several steps', async ({ options, update }) => {
    const trained = await problem.train({ optimizer: options }, { learningRate: LEARNING_RATE }, STEPS);
    const memory = new Map(
      ['weight', 'bias'].map((key) => [
        key,
        Object.fromEntries(['velocity', 'mean', 'variance'].map((slot) => [slot, new Float64Array(5)])),
      ]),
    );
    const expected = problem.initial();
    for (let step = 1; step <= STEPS; step++) {
      const gradients = problem.gradients(expected);
      for (const key of ['weight', 'bias'] as const) update(expected[key], gradients[key], memory.get(key)!, step);
    }
    expect(relativeDifference(trained.parameters, expected)).toBeLessThan(1e-5);
  });
});

describe('optimisers of TensorFlow.js', () => {
  beforeAll(() => {
    tf.env().set('IS_NODE', false);
  });

  it.each([
    { options: { kind: 'sgd' as const }, make: () => tf.train.sgd(LEARNING_RATE) },
    { options: { kind: 'sgd' as const, momentum: 0.9 }, make: () => tf.train.momentum(LEARNING_RATE, 0.9) },
    { options: { kind: 'adam' as const }, make: () => tf.train.adam(LEARNING_RATE, 0.9, 0.999, 1e-8) },
  ])('take the same steps as $options', async ({ options, make }) => {
    const problem = new Logistic(5, 8);
    const trained = await problem.train({ optimizer: options }, { learningRate: LEARNING_RATE }, STEPS);
    const initial = problem.initial();
    const optimizer = make();
    const variables = {
      weight: tf.variable(tf.tensor1d(Float32Array.from(initial.weight))),
      bias: tf.variable(tf.tensor1d(Float32Array.from(initial.bias))),
    };
    for (let step = 0; step < STEPS; step++) {
      const own = {
        weight: new Float64Array(variables.weight.dataSync()),
        bias: new Float64Array(variables.bias.dataSync()),
      };
      const gradients = problem.gradients(own);
      optimizer.applyGradients([
        { name: variables.weight.name, tensor: tf.tensor1d(Float32Array.from(gradients.weight)) },
        { name: variables.bias.name, tensor: tf.tensor1d(Float32Array.from(gradients.bias)) },
      ]);
    }
    expect(
      relativeDifference(trained.parameters, { weight: variables.weight.dataSync(), bias: variables.bias.dataSync() }),
    ).toBeLessThan(1e-5);
  });
});

import { PIXELS } from '../dataset.js';
import { RadiographNetwork, type Network } from './layers.js';

/** Logistic regression on the standardised pixels. */
export function logisticRegression(seed: number): Network {
  return perceptron('pneumonia-logistic-regression', [], seed);
}

/** Fully connected layers of these widths with Relu between them. */
export function multilayerPerceptron(seed: number, hidden: readonly number[] = [64]): Network {
  return perceptron('pneumonia-mlp', hidden, seed);
}

function perceptron(name: string, hidden: readonly number[], seed: number): Network {
  const network = new RadiographNetwork(name, seed);
  network.flatten();
  let width = PIXELS;
  hidden.forEach((next, layer) => {
    network.dense(`dense${layer + 1}`, width, next);
    width = next;
  });
  return network.close(width);
}

import { readFileSync } from 'node:fs';
import { decodeModel, encodeModel, replaceInitializers, type Model } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { PIXELS, readDataset, select, type Radiographs } from '../dataset.js';
import { recordsSchemaFile, federationFile, goldenFile, modelFile } from '../files.js';
import { predict } from '../predict.js';
import { compactCnn } from './cnn.js';
import { logisticRegression, multilayerPerceptron } from './perceptron.js';

const { test } = readDataset();
const some = select(test, [0, 1, 2, 3, 4]);
const weights = ({ graph }: Model, name: string): Float32Array => graph.initializers.get(name)?.data as Float32Array;

describe('the CNN', () => {
  it('is written byte for byte the same and is the file that ships', () => {
    const bytes = encodeModel(compactCnn(1).model);
    expect(encodeModel(compactCnn(1).model)).toEqual(bytes);
    expect(new Uint8Array(readFileSync(modelFile))).toEqual(bytes);
    expect(encodeModel(compactCnn(2).model)).not.toEqual(bytes);
  });

  it('takes raw grey values and answers one probability for each radiograph', async () => {
    const { graph } = compactCnn(1).model;
    expect(graph.inputs).toEqual([{ name: 'image', type: 'float32', dims: ['N', 1, 28, 28] }]);
    expect(graph.outputs).toEqual([{ name: 'probability', type: 'float32', dims: ['N', 1] }]);
    const probabilities = await predict(compactCnn(1).model, some);
    expect(probabilities.length).toBe(5);
    for (const probability of probabilities) expect(probability > 0 && probability < 1).toBe(true);
  });

  it('does not mind exposure and contrast', async () => {
    const { model } = compactCnn(1);
    const dimmed: Radiographs = { ...some, images: some.images.map((grey) => Math.round(0.6 * grey) + 40) };
    const [own, other] = [await predict(model, some), await predict(model, dimmed)];
    own.forEach((probability, index) => expect(other[index]).toBeCloseTo(probability, 2));
    expect(new Set(own).size).toBe(5);
  });

  it('starts from weights of He’s variance, biases of zero and scales of one', () => {
    const { model } = compactCnn(1);
    const kernel = weights(model, 'block3.weight');
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    // 18,432 normal numbers: the relative standard error of the variance is 1 %
    expect(variance / (2 / (32 * 9))).toBeGreaterThan(0.95);
    expect(variance / (2 / (32 * 9))).toBeLessThan(1.05);
    expect(new Set(weights(model, 'block2.shift'))).toEqual(new Set([0]));
    expect(new Set(weights(model, 'block2.scale'))).toEqual(new Set([1]));
  });

  it('answers as independent double-precision arithmetic does', async () => {
    const golden = JSON.parse(readFileSync(goldenFile, 'utf8')) as { rows: number[]; probability: number[] };
    const waves = ({ graph }: Model, suffix: string, wave: (index: number) => number): [string, Float32Array][] =>
      [...graph.initializers]
        .filter(([name]) => name.endsWith(suffix))
        .map(([name, { data }]) => [name, Float32Array.from({ length: data.length }, (_, index) => wave(index))]);
    const { model } = compactCnn(1);
    const changed = replaceInitializers(
      encodeModel(model),
      new Map([
        ...waves(model, '.scale', (index) => 1 + Math.sin(index) / 10),
        ...waves(model, '.shift', (index) => Math.cos(index) / 10),
        ...waves(model, '.bias', () => 0.1),
      ]),
    );
    const probabilities = await predict(decodeModel(changed), select(test, golden.rows));
    golden.probability.forEach((expected, row) => expect(probabilities[row]).toBeCloseTo(expected, 5));
  });

  it('is what the federation file trains', () => {
    const federation = readFileSync(federationFile, 'utf8');
    expect([...federation.matchAll(/^ {4}- (\S+)$/gm)].map(([, name]) => name)).toEqual(compactCnn(1).trainable);
    expect(federation).toContain('sites: { min: 3,');
    const schema = JSON.parse(readFileSync(recordsSchemaFile, 'utf8')) as { input: { name: string; dims: number[] } };
    expect(schema.input).toMatchObject({ name: 'image', dims: [1, 28, 28] });
  });
});

/** In double precision: mean 0 and deviation 1 with ε = 1, as LayerNormalization defines it. */
function standardised({ images }: Radiographs, row: number): number[] {
  const image = [...images.subarray(row * PIXELS, (row + 1) * PIXELS)];
  const mean = image.reduce((sum, grey) => sum + grey, 0) / PIXELS;
  const variance = image.reduce((sum, grey) => sum + (grey - mean) ** 2, 0) / PIXELS;
  return image.map((grey) => (grey - mean) / Math.sqrt(variance + 1));
}

function dense(values: readonly number[], weight: Float32Array, bias: Float32Array): number[] {
  return [...bias].map((start, output) =>
    values.reduce((sum, value, input) => sum + value * weight[input * bias.length + output]!, start),
  );
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

describe('logistic regression and the perceptron', () => {
  it('answer as double-precision arithmetic does', async () => {
    const [linear, layered] = [logisticRegression(3).model, multilayerPerceptron(3, [8, 4]).model];
    const [ownLinear, ownLayered] = [await predict(linear, some), await predict(layered, some)];
    for (let row = 0; row < some.count; row++) {
      const image = standardised(some, row);
      expect(ownLinear[row]).toBeCloseTo(
        sigmoid(dense(image, weights(linear, 'head.weight'), weights(linear, 'head.bias'))[0]!),
        5,
      );
      const hidden = ['dense1', 'dense2'].reduce(
        (values, name) =>
          dense(values, weights(layered, `${name}.weight`), weights(layered, `${name}.bias`)).map((value) =>
            Math.max(0, value),
          ),
        image,
      );
      expect(ownLayered[row]).toBeCloseTo(
        sigmoid(dense(hidden, weights(layered, 'head.weight'), weights(layered, 'head.bias'))[0]!),
        5,
      );
    }
  });

  it('name every weight they train', () => {
    expect(logisticRegression(1).trainable).toEqual(['head.weight', 'head.bias']);
    expect(multilayerPerceptron(1).trainable).toEqual(['dense1.weight', 'dense1.bias', 'head.weight', 'head.bias']);
  });
});

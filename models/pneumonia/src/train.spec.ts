import { checkGradients } from '@koinon/autodiff';
import { encodeModel } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { readDataset, select, type Dataset } from './dataset.js';
import { areaUnderCurve } from './metrics.js';
import { compactCnn } from './networks/cnn.js';
import { multilayerPerceptron } from './networks/perceptron.js';
import { predict } from './predict.js';
import { recipe, trainCentrally, type Epoch } from './train.js';

const whole = readDataset();
const rows = (count: number): number[] => Array.from({ length: count }, (_, row) => row);
/** A test split nobody may touch. */
const small: Dataset = {
  train: select(whole.train, rows(400)),
  validation: select(whole.validation, rows(120)),
  get test(): never {
    throw new Error('training looked at the test split');
  },
};
const short = { ...recipe, epochs: 4, batch: 16, stepsPerRun: 8 };

describe('trainCentrally', () => {
  it('learns, without a look at the test split', async () => {
    const epochs: Epoch[] = [];
    const network = multilayerPerceptron(1, [16]);
    const { model, threshold, validationAuc } = await trainCentrally(
      network,
      small,
      1,
      (epoch) => epochs.push(epoch),
      short,
    );
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(epochs.at(-1)?.loss).toBeLessThan(0.85 * (epochs[0]?.loss ?? 0));
    const { validation } = small;
    const scored = { probabilities: await predict(model, validation), labels: validation.labels };
    expect(areaUnderCurve(scored)).toBe(validationAuc);
    const before = areaUnderCurve({
      probabilities: await predict(network.model, validation),
      labels: validation.labels,
    });
    expect(validationAuc).toBeGreaterThan(Math.max(0.85, before));
    expect(threshold > 0 && threshold < 1).toBe(true);
  });

  it('repeats itself with the same seed and differs with another', async () => {
    const train = async (seed: number): Promise<Uint8Array> =>
      encodeModel((await trainCentrally(compactCnn(1), small, seed, () => {}, { ...short, epochs: 1 })).model);
    const first = await train(1);
    expect(await train(1)).toEqual(first);
    expect(await train(2)).not.toEqual(first);
  });

  it('needs radiographs for one run at least', async () => {
    await expect(trainCentrally(compactCnn(1), small, 1, () => {}, { ...short, batch: 256 })).rejects.toThrow(
      'lower batch or stepsPerRun',
    );
  });

  it('rests on gradients that agree with finite differences', async () => {
    const { model, trainable } = compactCnn(4);
    const checks = await checkGradients(model, {
      trainable,
      output: 'logits',
      loss: 'binary-cross-entropy',
      batch: 3,
      samples: 6,
    });
    expect(checks.map(({ parameter }) => parameter)).toEqual(trainable);
    for (const { difference } of checks) expect(difference).toBeLessThan(5e-3);
  });
});

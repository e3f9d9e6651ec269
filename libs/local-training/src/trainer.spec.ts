import { addGaussianNoise, poissonSample } from '@koinon/privacy';
import { describe, expect, it } from 'vitest';
import type { Records } from '@koinon/records';
import { noisyRecordCount } from './noise-plan.js';
import { randomSource, seededBytes } from './random-source.js';
import { trainLocally, type GradientSource, type LocalRecipe } from './trainer.js';

const records: Records = { features: new Float32Array(100), labels: new Float32Array(100), rows: 100 };

/** Every record pulls every weight by one: the sum is the sample's size. */
class Counting implements GradientSource {
  readonly samples: number[] = [];
  sum(
    weights: Float32Array,
    _records: Records,
    sample: readonly number[],
  ): Promise<{ sum: Float64Array; loss: number }> {
    this.samples.push(sample.length);
    return Promise.resolve({ sum: new Float64Array(weights.length).fill(sample.length), loss: 2 * sample.length });
  }
}

const recipe = (
  over: Partial<LocalRecipe['local']>,
  noiseMultiplier = 0,
  weights = new Float32Array(2),
): LocalRecipe => ({
  weights,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0, ...over },
  correction: null,
  privacy: { clippingNorm: 2, noiseMultiplier, recordCountNoise: 0, noisedRecordCount: 80 },
});

describe('trainLocally', () => {
  it('moves by learning rate over sampling rate times the noised record count, whatever the sample is', async () => {
    const gradient = new Counting();
    const { weights, loss, steps } = await trainLocally(gradient, records, recipe({}), seededBytes(1, 'a'));
    const sampled = gradient.samples.reduce((sum, size) => sum + size, 0);
    expect(new Set(gradient.samples).size).toBeGreaterThan(1);
    expect(weights[0]).toBeCloseTo((-0.2 / (0.3 * 80)) * sampled, 5);
    expect([loss, steps]).toEqual([2, 5]);
  });

  it.each([
    ['a step of the term’s gradient', 2, [1, 1.6, 1.96]],
    [
      'an implicit step where that would overshoot',
      500,
      [1 / 101, (1 + 1 / 101) / 101, (1 + (1 + 1 / 101) / 101) / 101],
    ],
  ])('pulls towards where it started by %s', async (_, proximalMu, path) => {
    // Every record is sampled: each step moves by −learningRate.
    for (const [index, moved] of path.entries()) {
      const given = {
        ...recipe({ steps: index + 1, samplingRate: 1, proximalMu }),
        privacy: { clippingNorm: 2, noiseMultiplier: 0, recordCountNoise: 0, noisedRecordCount: 100 },
      };
      const { weights } = await trainLocally(
        new Counting(),
        records,
        { ...given, weights: Float32Array.of(3) },
        seededBytes(1, 'a'),
      );
      expect(weights[0]! - 3).toBeCloseTo(-0.2 * moved, 5);
    }
  });

  it('adds a correction to every step, as it stands', async () => {
    // Every record is sampled: a step moves by −learningRate · (1 + correction).
    const given = {
      ...recipe({ steps: 3, samplingRate: 1 }),
      correction: Float32Array.of(0.5, -2),
      privacy: { clippingNorm: 2, noiseMultiplier: 0, recordCountNoise: 0, noisedRecordCount: 100 },
    };
    const { weights } = await trainLocally(new Counting(), records, given, seededBytes(1, 'a'));
    expect(weights[0]).toBeCloseTo(-3 * 0.2 * 1.5, 5);
    expect(weights[1]).toBeCloseTo(3 * 0.2, 5);
  });

  it('leaves the weights it was given alone', async () => {
    const given = recipe({});
    await trainLocally(new Counting(), records, given, seededBytes(1, 'a'));
    expect([...given.weights]).toEqual([0, 0]);
  });

  it('adds noise of noiseMultiplier times clippingNorm to every coordinate of every step', async () => {
    const empty: Records = { features: new Float32Array(0), labels: new Float32Array(0), rows: 0 };
    const noisy = recipe({ steps: 4 }, 3, new Float32Array(20_000));
    const { weights, loss } = await trainLocally(new Counting(), empty, noisy, seededBytes(2, 'b'));
    const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
    // 4 steps of σ·C = 6, times 0.2 / (0.3 · 80); 20,000 draws put the deviation within 2 % at four sigma.
    expect(deviation / (Math.sqrt(4) * 6 * (0.2 / 24))).toBeCloseTo(1, 1.4);
    expect(loss).toBeNull();
  });

  it('scales the noise by what a record may change in float32, the clipping norm times 1 + 2⁻¹⁰', async () => {
    const empty: Records = { features: new Float32Array(0), labels: new Float32Array(0), rows: 0 };
    const { weights } = await trainLocally(
      new Counting(),
      empty,
      recipe({ steps: 1 }, 3, new Float32Array(50)),
      seededBytes(2, 'b'),
    );
    const random = seededBytes(2, 'b');
    poissonSample(0, 0.3, random);
    const noise = addGaussianNoise(new Float64Array(50), 3 * 2 * (1 + 2 ** -10), random);
    expect(weights).toEqual(Float32Array.from(noise, (value) => -(0.2 / (0.3 * 80)) * value));
  });

  it('sums a large sample in groups of which a record changes one, as many as the noised record count asks for', async () => {
    const gradient = new Counting();
    const many: Records = { features: new Float32Array(0), labels: new Float32Array(0), rows: 1000 };
    const { privacy, ...rest } = recipe({ steps: 1, samplingRate: 1 });
    await trainLocally(
      gradient,
      many,
      { ...rest, privacy: { ...privacy, noisedRecordCount: 960 } },
      seededBytes(1, 'a'),
    );
    expect(gradient.samples).toHaveLength(20);
    expect(gradient.samples.reduce((sum, size) => sum + size, 0)).toBe(1000);
    expect(Math.max(...gradient.samples)).toBeLessThan(100);
  });

  it('keeps groups as small as the sensitivity assumes, however far the noised record count lies below the rows', async () => {
    const many: Records = { features: new Float32Array(0), labels: new Float32Array(0), rows: 200 };
    const { privacy, ...rest } = recipe({ steps: 1, samplingRate: 1 }, 0, new Float32Array(1));
    for (let seed = 0; seed < 100; seed++) {
      const gradient = new Counting();
      const noisedRecordCount = noisyRecordCount(many.rows, 100, seededBytes(seed, 'rows'));
      await trainLocally(
        gradient,
        many,
        { ...rest, privacy: { ...privacy, recordCountNoise: 100, noisedRecordCount } },
        seededBytes(seed, 'step'),
      );
      // Three quarters of 2⁻¹⁰ clipping norms are left to float32: 64 records in one run and 45 in the next.
      expect(Math.max(...gradient.samples), `seed ${seed}`).toBeLessThanOrEqual(109);
    }
  });

  it('refuses to return weights that are not finite', async () => {
    const diverging: GradientSource = { sum: () => Promise.resolve({ sum: Float64Array.of(Infinity, 0), loss: 0 }) };
    await expect(trainLocally(diverging, records, recipe({}), seededBytes(1, 'a'))).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
    });
  });
});

describe('randomSource', () => {
  const bytes = (over: object): string =>
    Buffer.from(randomSource({ seed: 7, noiseMultiplier: 1, stream: 'site/1', ...over })(16)).toString('hex');

  it('honours a seed only without noise or when privacy is given up by name', () => {
    expect(bytes({})).not.toBe(bytes({}));
    expect(bytes({ insecureDeterministic: false })).not.toBe(bytes({ insecureDeterministic: false }));
    expect(bytes({ insecureDeterministic: true })).toBe(bytes({ insecureDeterministic: true }));
    expect(bytes({ noiseMultiplier: 0 })).toBe(bytes({ noiseMultiplier: 0 }));
    expect(Buffer.from(randomSource({ noiseMultiplier: 0, stream: 'x' })(16))).not.toEqual(
      Buffer.from(randomSource({ noiseMultiplier: 0, stream: 'x' })(16)),
    );
  });

  it('keeps sites, rounds and seeds apart', () => {
    const all = [
      bytes({ noiseMultiplier: 0 }),
      bytes({ noiseMultiplier: 0, stream: 'site/2' }),
      bytes({ noiseMultiplier: 0, stream: 'other/1' }),
      bytes({ noiseMultiplier: 0, seed: 8 }),
    ];
    expect(new Set(all).size).toBe(4);
  });
});

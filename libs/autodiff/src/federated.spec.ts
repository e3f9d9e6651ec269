import { describe, expect, it } from 'vitest';
import { Logistic, type Weights } from '../test/logistic.js';
import { relativeDifference } from '../test/training-run.js';

const LEARNING_RATE = 0.2;
const STEPS = 5;
const problem = new Logistic(4, 6);
const keys = ['weight', 'bias'] as const;

/** Plain SGD in double precision with something added to each mean gradient. */
function descend(
  added: (key: 'weight' | 'bias', index: number, weights: Weights) => number,
  clippingNorm?: number,
  divisor?: number,
): Weights {
  const weights = problem.initial();
  for (let step = 0; step < STEPS; step++) {
    const gradients = problem.gradients(weights, clippingNorm, divisor);
    const changes = keys.map((key) => gradients[key].map((gradient, index) => gradient + added(key, index, weights)));
    keys.forEach((key, position) => {
      weights[key].forEach((value, index) => {
        weights[key][index] = value - LEARNING_RATE * changes[position]![index]!;
      });
    });
  }
  return weights;
}

const anchor = { weight: Float32Array.of(0.5, -1, 0.25, 0), bias: Float32Array.of(1) };
const control = { weight: Float32Array.of(0.1, 0.2, -0.3, 0.4), bias: Float32Array.of(-0.1) };
const siteControl = { weight: Float32Array.of(-0.2, 0.1, 0, 0.3), bias: Float32Array.of(0.2) };
const noise = { weight: Float32Array.of(0.3, -0.6, 0.9, 0.1), bias: Float32Array.of(-0.4) };
const repeat = (values: Record<string, Float32Array>) =>
  Object.fromEntries(
    Object.entries(values).map(([key, data]) => [
      key,
      Float32Array.from(Array.from({ length: STEPS }, () => [...data]).flat()),
    ]),
  );

describe.each([{ localSteps: 1 }, { localSteps: STEPS }])(
  'additions to the gradient, $localSteps steps per run',
  ({ localSteps }) => {
    const runs = STEPS / localSteps;

    it('FedProx pulls towards the anchor', async () => {
      const { parameters } = await problem.train(
        { optimizer: { kind: 'sgd' }, proximal: { mu: 0.7 }, localSteps },
        { anchor, learningRate: LEARNING_RATE },
        runs,
      );
      const expected = descend((key, index, weights) => 0.7 * (weights[key][index]! - anchor[key][index]!));
      expect(relativeDifference(parameters, expected)).toBeLessThan(1e-5);
    });

    it('SCAFFOLD corrects by the difference of the control variates', async () => {
      const { parameters } = await problem.train(
        { optimizer: { kind: 'sgd' }, scaffold: true, localSteps },
        { control, siteControl, learningRate: LEARNING_RATE },
        runs,
      );
      const expected = descend((key, index) => control[key][index]! - siteControl[key][index]!);
      expect(relativeDifference(parameters, expected)).toBeLessThan(1e-5);
    });

    it('DP-SGD divides the noised clipped sum by the expected number of records', async () => {
      const given = {
        noise: localSteps === 1 ? noise : repeat(noise),
        clippingNorm: 0.6,
        expectedRecords: 4,
        learningRate: LEARNING_RATE,
      };
      const { parameters } = await problem.train(
        { optimizer: { kind: 'sgd' }, clipping: { noise: true }, localSteps },
        given,
        runs,
      );
      const expected = descend((key, index) => noise[key][index]! / 4, 0.6, 4);
      expect(relativeDifference(parameters, expected)).toBeLessThan(1e-5);
    });
  },
);

describe('SCAFFOLD', () => {
  it("returns the site's next control variate by option II", async () => {
    const result = await problem.train(
      { optimizer: { kind: 'sgd' }, scaffold: true, localSteps: STEPS },
      { control, siteControl, learningRate: LEARNING_RATE },
      1,
    );
    const initial = problem.initial();
    const expected = Object.fromEntries(
      keys.map((key) => [
        key,
        initial[key].map(
          (start, index) =>
            siteControl[key][index]! -
            control[key][index]! +
            (start - result.parameters[key]![index]!) / (STEPS * LEARNING_RATE),
        ),
      ]),
    );
    expect(relativeDifference(result.siteControl, expected)).toBeLessThan(1e-5);
  });

  it('is the mean gradient along the way where both variates are zero', async () => {
    const zero = { weight: new Float32Array(4), bias: new Float32Array(1) };
    const { siteControl: next } = await problem.train(
      { optimizer: { kind: 'sgd' }, scaffold: true },
      { control: zero, siteControl: zero, learningRate: LEARNING_RATE },
      1,
    );
    expect(relativeDifference(next, problem.gradients(problem.initial()))).toBeLessThan(1e-5);
  });
});

describe('gradients without an optimiser', () => {
  it('carry the proximal term', async () => {
    const { gradients } = await problem.train({ proximal: { mu: 0.7 } }, { anchor }, 1);
    const start = problem.initial();
    const plain = problem.gradients(start);
    const expected = Object.fromEntries(
      keys.map((key) => [
        key,
        plain[key].map((value, index) => value + 0.7 * (start[key][index]! - anchor[key][index]!)),
      ]),
    );
    expect(relativeDifference(gradients, expected)).toBeLessThan(1e-5);
  });
});

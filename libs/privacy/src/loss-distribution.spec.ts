import { describe, expect, it } from 'vitest';
import { discretise } from './loss-distribution.js';
import { normalUpperTail } from './normal.js';

describe.each(['remove', 'add'] as const)('discretise, direction %s', (direction) => {
  const [sigma, rate] = [0.9, 0.2];
  const untilted = { step: 0.05, tilt: 0 };

  it('loses no probability: what is cut off is counted as infinite loss', () => {
    const { mass, infinity } = discretise(sigma, rate, direction, { ...untilted, reach: 3 }, 0);
    expect(mass.reduce((sum, value) => sum + value, infinity)).toBeCloseTo(1, 12);
    expect(infinity).toBeGreaterThan(1e-4);
  });

  it('keeps the probability under the other data set', () => {
    const { first, mass } = discretise(sigma, rate, direction, { ...untilted, reach: 12 }, 0);
    const other = mass.reduce((sum, value, i) => sum + value * Math.exp(-(first + i) * untilted.step), 0);
    expect(other).toBeCloseTo(1, 12);
  });

  it('keeps δ(ε) of one release exact at grid points', () => {
    const { first, mass } = discretise(sigma, rate, direction, { ...untilted, reach: 12 }, 0);
    const epsilon = 2 * untilted.step;
    const delta = mass.reduce((sum, value, i) => {
      return sum + value * Math.max(0, -Math.expm1(epsilon - (first + i) * untilted.step));
    }, 0);
    // The output at which the loss is ε splits both data sets; δ = P − e^ε·Q beyond it.
    const ratio = Math.exp(direction === 'remove' ? epsilon : -epsilon);
    const x = sigma ** 2 * Math.log((ratio - (1 - rate)) / rate) + 0.5;
    const plain = normalUpperTail(x / sigma);
    const mixture = (1 - rate) * plain + rate * normalUpperTail((x - 1) / sigma);
    const exact =
      direction === 'remove' ? mixture - Math.exp(epsilon) * plain : 1 - plain - Math.exp(epsilon) * (1 - mixture);
    expect(delta).toBeCloseTo(exact, 12);
  });

  it('stores tilted masses that untilt to the same', () => {
    const plain = discretise(sigma, rate, direction, { ...untilted, reach: 6 }, 0);
    const tilted = discretise(sigma, rate, direction, { step: 0.05, tilt: 3, reach: 6 }, 0.5);
    const untiltedMass = tilted.mass.map((value, i) => value * Math.exp(0.5 - 3 * (tilted.first + i) * 0.05));
    untiltedMass.forEach((value, i) => expect(Math.abs(value - plain.mass.at(i)!)).toBeLessThan(1e-13));
  });
});

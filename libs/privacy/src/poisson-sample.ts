import { requireParameter } from './errors.js';
import { RandomWords, type RandomBytes } from './random-words.js';

/**
 * Poisson sample of 0 … n − 1: every index joins independently with probability `rate` (rounded down to a multiple of
 * 2⁻⁵³, so never above what the accountant assumes). Ascending, possibly empty; its size is itself random.
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID, PRIVACY_RANDOM_SOURCE_INVALID
 */
export function poissonSample(n: number, rate: number, randomBytes: RandomBytes): number[] {
  requireParameter(Number.isSafeInteger(n) && n >= 0, 'n must be a whole number ≥ 0');
  requireParameter(rate >= 0 && rate <= 1, 'rate must lie in [0, 1]');
  const random = new RandomWords(randomBytes);
  const high = Math.floor(rate * 2 ** 32);
  const low = Math.floor((rate * 2 ** 32 - high) * 2 ** 21);
  const chosen: number[] = [];
  for (let i = 0; i < n; i++) {
    const word = random.word();
    if (word < high || (word === high && random.word() >>> 11 < low)) chosen.push(i);
  }
  return chosen;
}

/**
 * Deals `sample` into `count` groups at random, each keeping its order. Where an index goes depends on no other index, so
 * that one record more or less changes one group.
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID, PRIVACY_RANDOM_SOURCE_INVALID
 */
export function randomGroups(sample: readonly number[], count: number, randomBytes: RandomBytes): number[][] {
  requireParameter(Number.isSafeInteger(count) && count > 0, 'count must be a whole number > 0');
  const random = new RandomWords(randomBytes);
  const groups = Array.from({ length: count }, (): number[] => []);
  for (const index of sample) groups[count === 1 ? 0 : random.below(count)]?.push(index);
  return groups;
}

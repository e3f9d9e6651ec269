import { describe, expect, it } from 'vitest';
import { checkOrder } from './release-order.js';

const release = (releaseCounter: number, version = releaseCounter, sha256 = `of ${version}`) => ({
  model: 'heart-disease',
  version,
  releaseCounter,
  sha256,
});
const term = { expiresAt: 1000, servedUntil: 2000 };
const outcome = (next: ReturnType<typeof release>, installed: ReturnType<typeof release> | null, now = 0): string => {
  try {
    checkOrder('heart-disease', next, term, installed, now);
    return 'taken';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the order of releases', () => {
  it.each([
    ['the first', release(5), null, 0, 'taken'],
    ['the next', release(6), release(5), 0, 'taken'],
    ['one after a thousand missed', release(1005), release(5), 0, 'taken'],
    ['one after more', release(1006), release(5), 0, 'RELEASE_COUNTER_JUMPED'],
    ['an earlier one', release(4), release(5), 0, 'RELEASE_ROLLED_BACK'],
    ['another of the same counter', release(5, 6), release(5), 0, 'RELEASE_ROLLED_BACK'],
    ['other bytes of the same counter and version', release(5, 5, 'else'), release(5), 0, 'RELEASE_ROLLED_BACK'],
    ['one of another model', { ...release(6), model: 'liver' }, release(5), 0, 'SIGNATURE_INVALID'],
    ['one in its last moment', release(6), release(5), 999, 'taken'],
    ['one past its term', release(6), release(5), 1000, 'RELEASE_EXPIRED'],
    ['the installed one past its term', release(5), release(5), 1999, 'taken'],
    ['the installed one when it is served no longer', release(5), release(5), 2000, 'RELEASE_EXPIRED'],
  ])('%s', (_what, next, installed, now, expected) => {
    expect(outcome(next, installed, now)).toBe(expected);
  });
});

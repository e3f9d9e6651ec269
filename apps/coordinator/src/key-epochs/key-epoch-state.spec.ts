import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextKeyEpochTransition, type KeyEpochFacts } from './key-epoch-state.js';

const steps = ['commit', 'reveal', 'confirm'];
const facts = (part: Partial<KeyEpochFacts>): KeyEpochFacts => ({
  state: 'running',
  roster: ['a', 'b', 'c'],
  steps,
  stepIndex: 0,
  posted: [],
  refused: [],
  deadlinePassed: false,
  confirmations: [],
  ...part,
});

describe('a key ceremony', () => {
  it('waits until every site has posted, then goes one step on', () => {
    expect(nextKeyEpochTransition(facts({ posted: ['a', 'b'] }))).toBeNull();
    expect(nextKeyEpochTransition(facts({ posted: ['c', 'a', 'b'] }))).toEqual({ to: 'next-step' });
  });

  it('goes on when the last message came just before the deadline was looked at', () => {
    expect(nextKeyEpochTransition(facts({ posted: ['a', 'b', 'c'], deadlinePassed: true }))).toEqual({
      to: 'next-step',
    });
  });

  it('fails with the sites that are silent beyond the deadline', () => {
    expect(nextKeyEpochTransition(facts({ posted: ['b'], deadlinePassed: true }))).toEqual({
      to: 'failed',
      code: 'EPOCH_SITE_MISSING',
      sites: ['a', 'c'],
    });
  });

  it('fails at once with the sites that refuse', () => {
    expect(nextKeyEpochTransition(facts({ posted: ['b'], refused: ['a'] }))).toEqual({
      to: 'failed',
      code: 'EPOCH_SITE_REFUSED',
      sites: ['a'],
    });
    expect(nextKeyEpochTransition(facts({ posted: ['b'], refused: ['a'], deadlinePassed: true }))).toEqual({
      to: 'failed',
      code: 'EPOCH_SITE_REFUSED',
      sites: ['a'],
    });
  });

  it('takes no notice of a refusal from outside the roster', () => {
    expect(nextKeyEpochTransition(facts({ posted: ['a', 'b'], refused: ['x'] }))).toBeNull();
  });

  it('is ready only when all confirm the same transcript', () => {
    const last = (confirmations: string[]) =>
      nextKeyEpochTransition(facts({ stepIndex: 2, posted: ['a', 'b', 'c'], confirmations }));
    expect(last(['x', 'x', 'x'])).toEqual({ to: 'ready' });
    expect(last(['x', 'y', 'x'])).toEqual({ to: 'failed', code: 'EPOCH_TRANSCRIPT_DIFFERS', sites: [] });
    expect(last([])).toEqual({ to: 'failed', code: 'EPOCH_TRANSCRIPT_DIFFERS', sites: [] });
  });
});

describe('any ceremony, whatever the database says', () => {
  const sites = ['a', 'b', 'c', 'd'];
  const anyFacts: fc.Arbitrary<KeyEpochFacts> = fc.record({
    state: fc.constantFrom('running' as const, 'ready' as const, 'over' as const, 'failed' as const),
    roster: fc.subarray(sites, { minLength: 2 }),
    steps: fc.constant(steps),
    stepIndex: fc.integer({ min: 0, max: 2 }),
    posted: fc.subarray(sites),
    refused: fc.subarray(sites),
    deadlinePassed: fc.boolean(),
    confirmations: fc.array(fc.constantFrom('x', 'y'), { maxLength: 4 }),
  });

  it('never leaves ready or failed, and is ready only after the last step', () => {
    fc.assert(
      fc.property(anyFacts, (epoch) => {
        const step = nextKeyEpochTransition(epoch);
        if (epoch.state !== 'running') {
          expect(step).toBeNull();
          return;
        }
        if (step?.to === 'ready') expect(epoch.stepIndex).toBe(steps.length - 1);
        if (step?.to === 'next-step') expect(epoch.stepIndex).toBeLessThan(steps.length - 1);
      }),
      { seed: 1, numRuns: runs(2000) },
    );
  });

  it('never goes on without a message of every site, and blames only sites of the roster that are missing', () => {
    fc.assert(
      fc.property(anyFacts, (epoch) => {
        const step = nextKeyEpochTransition(epoch);
        if (step && step.to !== 'failed') expect(epoch.roster.every((s) => epoch.posted.includes(s))).toBe(true);
        if (step?.to === 'failed')
          expect(step.sites.every((s) => epoch.roster.includes(s) && !epoch.posted.includes(s))).toBe(true);
      }),
      { seed: 2, numRuns: runs(2000) },
    );
  });

  it('does not wait for ever', () => {
    fc.assert(
      fc.property(anyFacts, (epoch) => {
        if (epoch.state === 'running')
          expect(nextKeyEpochTransition({ ...epoch, deadlinePassed: true })).not.toBeNull();
      }),
      { seed: 3, numRuns: runs(500) },
    );
  });
});

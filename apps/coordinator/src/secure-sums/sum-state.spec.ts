import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SumState } from './secure-sums.entities.js';
import { nextSumStep, type SumFacts } from './sum-state.js';

const facts = (part: Partial<SumFacts>): SumFacts => ({
  state: 'collecting',
  epochFailure: null,
  cohort: ['a', 'b', 'c', 'd'],
  quorum: 3,
  committed: [],
  refused: [],
  deadlinePassed: false,
  sumCommitted: false,
  activeSet: null,
  shared: [],
  combined: false,
  ...part,
});

describe('a collecting sum', () => {
  it('waits for stragglers while there is time, quorum or not', () => {
    expect(nextSumStep(facts({}))).toBeNull();
    expect(nextSumStep(facts({ committed: ['a', 'b', 'c'] }))).toBeNull();
  });

  it('closes as soon as the whole cohort is there', () => {
    expect(nextSumStep(facts({ committed: ['a', 'b', 'c', 'd'] }))).toEqual({ to: 'closing' });
  });

  it('closes with the quorum when the time is over', () => {
    expect(nextSumStep(facts({ committed: ['a', 'b', 'd'], deadlinePassed: true }))).toEqual({ to: 'closing' });
  });

  it('does not wait for a site that refused', () => {
    expect(nextSumStep(facts({ committed: ['a', 'b', 'd'], refused: ['c'] }))).toEqual({ to: 'closing' });
    expect(nextSumStep(facts({ committed: ['a', 'b'], refused: ['c'] }))).toBeNull();
  });

  it('fails and names the missing when the quorum is out of reach', () => {
    expect(nextSumStep(facts({ committed: ['a', 'b'], deadlinePassed: true }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['c', 'd'],
    });
    expect(nextSumStep(facts({ committed: ['a', 'b'], refused: ['c', 'd'] }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['c', 'd'],
    });
    expect(nextSumStep(facts({ refused: ['a', 'b', 'c', 'd'] }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['a', 'b', 'c', 'd'],
    });
  });

  it('counts a site that sent its upload and refused afterwards', () => {
    expect(nextSumStep(facts({ committed: ['a', 'b', 'c'], refused: ['c', 'd'] }))).toEqual({ to: 'closing' });
  });
});

describe('a sum between closing and opening', () => {
  it('aggregates, and asks for shares only when it is committed to', () => {
    expect(nextSumStep(facts({ state: 'closing' }))).toEqual({ to: 'aggregating' });
    expect(nextSumStep(facts({ state: 'aggregating' }))).toBeNull();
    expect(nextSumStep(facts({ state: 'aggregating', deadlinePassed: true }))).toBeNull();
    expect(nextSumStep(facts({ state: 'aggregating', sumCommitted: true }))).toEqual({ to: 'decrypting' });
  });

  const decrypting = (part: Partial<SumFacts>) =>
    nextSumStep(facts({ state: 'decrypting', sumCommitted: true, activeSet: ['a', 'b', 'c'], ...part }));

  it('combines with the shares of exactly its active set', () => {
    expect(decrypting({ shared: ['a', 'b'] })).toBeNull();
    expect(decrypting({ shared: ['a', 'b', 'd'] })).toBeNull();
    expect(decrypting({ shared: ['c', 'a', 'b'] })).toEqual({ to: 'combining' });
  });

  it('fails when one of the active set refuses, time left or not', () => {
    expect(decrypting({ shared: ['a'], refused: ['c'] })).toEqual({
      to: 'failed',
      code: 'SHARE_REFUSED',
      sites: ['c'],
    });
    expect(decrypting({ shared: ['a'], refused: ['b', 'c'], deadlinePassed: true })).toEqual({
      to: 'failed',
      code: 'SHARE_REFUSED',
      sites: ['b', 'c'],
    });
  });

  it('fails when one of the active set is silent beyond the deadline', () => {
    expect(decrypting({ shared: ['a'], deadlinePassed: true })).toEqual({
      to: 'failed',
      code: 'SHARES_MISSING',
      sites: ['b', 'c'],
    });
  });

  it('takes no notice of a refusal from outside the active set or after the share', () => {
    expect(decrypting({ shared: ['a'], refused: ['d'] })).toBeNull();
    expect(decrypting({ shared: ['a', 'b', 'c'], refused: ['c'], deadlinePassed: true })).toEqual({ to: 'combining' });
  });

  it('is done when it is opened', () => {
    expect(nextSumStep(facts({ state: 'combining' }))).toBeNull();
    expect(nextSumStep(facts({ state: 'combining', deadlinePassed: true }))).toBeNull();
    expect(nextSumStep(facts({ state: 'combining', combined: true }))).toEqual({ to: 'done' });
  });
});

it.each(['collecting', 'closing', 'aggregating', 'decrypting', 'combining'] as const)(
  'a sum that is %s ends with its key epoch and blames nobody',
  (state) => {
    const epochFailure = { code: 'BLOB_DAMAGED', detail: null } as const;
    expect(
      nextSumStep(facts({ state, epochFailure, deadlinePassed: true, sumCommitted: true, combined: true })),
    ).toEqual({ to: 'failed', code: 'BLOB_DAMAGED', sites: [] });
  },
);

describe('any sum, whatever the database says', () => {
  const order: readonly SumState[] = ['collecting', 'closing', 'aggregating', 'decrypting', 'combining', 'done'];
  const sites = ['a', 'b', 'c', 'd', 'e'];
  const anyFacts: fc.Arbitrary<SumFacts> = fc.record({
    state: fc.constantFrom(...order, 'failed' as const),
    epochFailure: fc.option(fc.constant({ code: 'BLOB_DAMAGED' as const, detail: null }), { nil: null }),
    cohort: fc.subarray(sites, { minLength: 1 }),
    quorum: fc.integer({ min: 1, max: 6 }),
    committed: fc.subarray(sites),
    refused: fc.subarray(sites),
    deadlinePassed: fc.boolean(),
    sumCommitted: fc.boolean(),
    activeSet: fc.option(fc.subarray(sites), { nil: null }),
    shared: fc.subarray(sites),
    combined: fc.boolean(),
  });

  it('never leaves done or failed, never skips and never goes back', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        const step = nextSumStep(sum);
        if (sum.state === 'done' || sum.state === 'failed') {
          expect(step).toBeNull();
          return;
        }
        if (step && step.to !== 'failed') expect(order.indexOf(step.to) - order.indexOf(sum.state)).toBe(1);
      }),
      { seed: 1, numRuns: runs(2000) },
    );
  });

  it('never closes below its quorum and never opens without every share of its active set', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        const step = nextSumStep(sum);
        if (step?.to === 'closing') expect(sum.committed.length).toBeGreaterThanOrEqual(sum.quorum);
        if (step?.to === 'combining')
          expect((sum.activeSet ?? []).every((site) => sum.shared.includes(site))).toBe(true);
      }),
      { seed: 2, numRuns: runs(2000) },
    );
  });

  it('does not wait for ever: past its deadline, with its jobs done, it moves', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        if (sum.state === 'done' || sum.state === 'failed') return;
        expect(nextSumStep({ ...sum, deadlinePassed: true, sumCommitted: true, combined: true })).not.toBeNull();
      }),
      { seed: 3, numRuns: runs(1000) },
    );
  });
});

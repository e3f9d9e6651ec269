import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SumState } from './secure-sums.entities.js';
import { nextSumTransition, type SumFacts } from './sum-state.js';

const facts = (part: Partial<SumFacts>): SumFacts => ({
  state: 'collecting',
  keyEpochFailure: null,
  cohort: ['a', 'b', 'c', 'd'],
  quorum: 3,
  uploaded: [],
  refused: [],
  deadlinePassed: false,
  hasRoot: false,
  decryptors: null,
  decryptedBy: [],
  combined: false,
  ...part,
});

describe('a collecting sum', () => {
  it('waits for stragglers while there is time, quorum or not', () => {
    expect(nextSumTransition(facts({}))).toBeNull();
    expect(nextSumTransition(facts({ uploaded: ['a', 'b', 'c'] }))).toBeNull();
  });

  it('closes as soon as the whole cohort is there', () => {
    expect(nextSumTransition(facts({ uploaded: ['a', 'b', 'c', 'd'] }))).toEqual({ to: 'freezing' });
  });

  it('closes with the quorum when the time is over', () => {
    expect(nextSumTransition(facts({ uploaded: ['a', 'b', 'd'], deadlinePassed: true }))).toEqual({ to: 'freezing' });
  });

  it('does not wait for a site that refused', () => {
    expect(nextSumTransition(facts({ uploaded: ['a', 'b', 'd'], refused: ['c'] }))).toEqual({ to: 'freezing' });
    expect(nextSumTransition(facts({ uploaded: ['a', 'b'], refused: ['c'] }))).toBeNull();
  });

  it('fails and names the missing when the quorum is out of reach', () => {
    expect(nextSumTransition(facts({ uploaded: ['a', 'b'], deadlinePassed: true }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['c', 'd'],
    });
    expect(nextSumTransition(facts({ uploaded: ['a', 'b'], refused: ['c', 'd'] }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['c', 'd'],
    });
    expect(nextSumTransition(facts({ refused: ['a', 'b', 'c', 'd'] }))).toEqual({
      to: 'failed',
      code: 'ROUND_QUORUM_MISSED',
      sites: ['a', 'b', 'c', 'd'],
    });
  });

  it('counts a site that sent its upload and refused afterwards', () => {
    expect(nextSumTransition(facts({ uploaded: ['a', 'b', 'c'], refused: ['c', 'd'] }))).toEqual({ to: 'freezing' });
  });
});

describe('a sum between commitment and opening', () => {
  it('aggregates, and asks for shares only when it is uploaded to', () => {
    expect(nextSumTransition(facts({ state: 'freezing' }))).toEqual({ to: 'aggregating' });
    expect(nextSumTransition(facts({ state: 'aggregating' }))).toBeNull();
    expect(nextSumTransition(facts({ state: 'aggregating', deadlinePassed: true }))).toBeNull();
    expect(nextSumTransition(facts({ state: 'aggregating', hasRoot: true }))).toEqual({ to: 'decrypting' });
  });

  const decrypting = (part: Partial<SumFacts>) =>
    nextSumTransition(facts({ state: 'decrypting', hasRoot: true, decryptors: ['a', 'b', 'c'], ...part }));

  it('combines with the shares of exactly its decryptors', () => {
    expect(decrypting({ decryptedBy: ['a', 'b'] })).toBeNull();
    expect(decrypting({ decryptedBy: ['a', 'b', 'd'] })).toBeNull();
    expect(decrypting({ decryptedBy: ['c', 'a', 'b'] })).toEqual({ to: 'combining' });
  });

  it('fails when one of the decryptors refuses, time left or not', () => {
    expect(decrypting({ decryptedBy: ['a'], refused: ['c'] })).toEqual({
      to: 'failed',
      code: 'SHARE_REFUSED',
      sites: ['c'],
    });
    expect(decrypting({ decryptedBy: ['a'], refused: ['b', 'c'], deadlinePassed: true })).toEqual({
      to: 'failed',
      code: 'SHARE_REFUSED',
      sites: ['b', 'c'],
    });
  });

  it('fails when one of the decryptors is silent beyond the deadline', () => {
    expect(decrypting({ decryptedBy: ['a'], deadlinePassed: true })).toEqual({
      to: 'failed',
      code: 'SHARES_MISSING',
      sites: ['b', 'c'],
    });
  });

  it('takes no notice of a refusal of another site or after the share', () => {
    expect(decrypting({ decryptedBy: ['a'], refused: ['d'] })).toBeNull();
    expect(decrypting({ decryptedBy: ['a', 'b', 'c'], refused: ['c'], deadlinePassed: true })).toEqual({
      to: 'combining',
    });
  });

  it('is done when it is opened', () => {
    expect(nextSumTransition(facts({ state: 'combining' }))).toBeNull();
    expect(nextSumTransition(facts({ state: 'combining', deadlinePassed: true }))).toBeNull();
    expect(nextSumTransition(facts({ state: 'combining', combined: true }))).toEqual({ to: 'done' });
  });
});

it.each(['collecting', 'freezing', 'aggregating', 'decrypting', 'combining'] as const)(
  'a sum that is %s ends with its key epoch and blames nobody',
  (state) => {
    const keyEpochFailure = { code: 'BLOB_DAMAGED', detail: null } as const;
    expect(
      nextSumTransition(facts({ state, keyEpochFailure, deadlinePassed: true, hasRoot: true, combined: true })),
    ).toEqual({ to: 'failed', code: 'BLOB_DAMAGED', sites: [] });
  },
);

describe('any sum, whatever the database says', () => {
  const order: readonly SumState[] = ['collecting', 'freezing', 'aggregating', 'decrypting', 'combining', 'done'];
  const sites = ['a', 'b', 'c', 'd', 'e'];
  const anyFacts: fc.Arbitrary<SumFacts> = fc.record({
    state: fc.constantFrom(...order, 'failed' as const),
    keyEpochFailure: fc.option(fc.constant({ code: 'BLOB_DAMAGED' as const, detail: null }), { nil: null }),
    cohort: fc.subarray(sites, { minLength: 1 }),
    quorum: fc.integer({ min: 1, max: 6 }),
    uploaded: fc.subarray(sites),
    refused: fc.subarray(sites),
    deadlinePassed: fc.boolean(),
    hasRoot: fc.boolean(),
    decryptors: fc.option(fc.subarray(sites), { nil: null }),
    decryptedBy: fc.subarray(sites),
    combined: fc.boolean(),
  });

  it('never leaves done or failed, never skips and never goes back', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        const step = nextSumTransition(sum);
        if (sum.state === 'done' || sum.state === 'failed') {
          expect(step).toBeNull();
          return;
        }
        if (step && step.to !== 'failed') expect(order.indexOf(step.to) - order.indexOf(sum.state)).toBe(1);
      }),
      { seed: 1, numRuns: runs(2000) },
    );
  });

  it('never freezes below its quorum and never decrypts without every share of its decryptors', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        const step = nextSumTransition(sum);
        if (step?.to === 'freezing') expect(sum.uploaded.length).toBeGreaterThanOrEqual(sum.quorum);
        if (step?.to === 'combining')
          expect((sum.decryptors ?? []).every((site) => sum.decryptedBy.includes(site))).toBe(true);
      }),
      { seed: 2, numRuns: runs(2000) },
    );
  });

  it('does not wait for ever: past its deadline, with its jobs done, it moves', () => {
    fc.assert(
      fc.property(anyFacts, (sum) => {
        if (sum.state === 'done' || sum.state === 'failed') return;
        expect(nextSumTransition({ ...sum, deadlinePassed: true, hasRoot: true, combined: true })).not.toBeNull();
      }),
      { seed: 3, numRuns: runs(1000) },
    );
  });
});

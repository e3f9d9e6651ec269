import { catalogue, type ErrorCode } from '@koinon/contracts';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RoundState } from '../federations.entities.js';
import type { SumState } from '../../secure-sums/secure-sums.entities.js';
import {
  MOST_CEREMONIES,
  nextRoundTransition,
  withExclusions,
  type RoundFacts,
  type RoundTransition,
} from './round-state.js';

const order: readonly RoundState[] = ['planned', 'collecting', 'updating', 'evaluating', 'done'];
const sumStates: readonly SumState[] = [
  'collecting',
  'freezing',
  'aggregating',
  'decrypting',
  'combining',
  'done',
  'failed',
];

const facts = (part: Partial<RoundFacts>): RoundFacts => ({
  state: 'planned',
  cohort: ['a', 'b', 'c', 'd'],
  minSites: 3,
  spares: [],
  epoch: null,
  ceremonies: 1,
  base: [],
  version: null,
  next: [],
  ...part,
});

describe('a planned round', () => {
  it('opens a key epoch with its whole cohort', () => {
    expect(nextRoundTransition(facts({}))).toEqual({ to: 'epoch', cohort: ['a', 'b', 'c', 'd'], excluded: [] });
  });

  it('waits for the ceremony, then collects', () => {
    expect(nextRoundTransition(facts({ epoch: { state: 'running', sites: [] } }))).toBeNull();
    expect(nextRoundTransition(facts({ epoch: { state: 'ready', sites: [] } }))).toEqual({ to: 'collecting' });
  });

  it('starts again without the site that spoiled the ceremony', () => {
    const epoch = { state: 'failed', code: 'EPOCH_SITE_MISSING', sites: ['b'] } as const;
    expect(nextRoundTransition(facts({ epoch }))).toEqual({
      to: 'epoch',
      cohort: ['a', 'c', 'd'],
      excluded: ['b'],
      code: 'EPOCH_SITE_MISSING',
    });
  });

  it('puts sites that were not drawn in the place of those that are away, also where it would be too small without them', () => {
    const epoch = { state: 'failed', code: 'EPOCH_SITE_MISSING', sites: ['b', 'c'] } as const;
    expect(nextRoundTransition(facts({ epoch, spares: ['y'] }))).toEqual({
      to: 'epoch',
      cohort: ['a', 'd', 'y'],
      excluded: ['b', 'c'],
      code: 'EPOCH_SITE_MISSING',
    });
    expect(nextRoundTransition(facts({ epoch, spares: ['z', 'y', 'x'] }))).toMatchObject({
      cohort: ['a', 'd', 'z', 'y'],
    });
  });

  it.each(['EPOCH_SITE_MISSING', 'EPOCH_SITE_REFUSED'] as const)('fails with %s when too few are left', (code) => {
    expect(nextRoundTransition(facts({ epoch: { state: 'failed', code, sites: ['a', 'b'] } }))).toEqual({
      to: 'failed',
      code,
    });
  });

  it('begins a ceremony to which nobody came again with all of them, but not for ever', () => {
    const epoch = { state: 'failed', code: 'EPOCH_SITE_MISSING', sites: ['a', 'b', 'c', 'd'] } as const;
    expect(nextRoundTransition(facts({ epoch, ceremonies: MOST_CEREMONIES - 1 }))).toEqual({
      to: 'epoch',
      cohort: ['a', 'b', 'c', 'd'],
      excluded: [],
      code: 'EPOCH_SITE_MISSING',
    });
    expect(nextRoundTransition(facts({ epoch, ceremonies: MOST_CEREMONIES }))).toEqual({
      to: 'failed',
      code: 'EPOCH_SITE_MISSING',
    });
    expect(nextRoundTransition(facts({ epoch: { ...epoch, code: 'EPOCH_SITE_REFUSED' } }))).toEqual({
      to: 'failed',
      code: 'EPOCH_SITE_REFUSED',
    });
  });

  it('fails when nobody can be blamed: the same sites would fail again', () => {
    const epoch = { state: 'failed', code: 'EPOCH_TRANSCRIPT_DIFFERS', sites: [] } as const;
    expect(nextRoundTransition(facts({ epoch }))).toEqual({ to: 'failed', code: 'EPOCH_TRANSCRIPT_DIFFERS' });
  });
});

describe('the sites left out of a round', () => {
  it('are each there once, with the first reason', () => {
    const before = [{ site: 'a', code: 'ROSTER_CHANGED' as const }];
    expect(
      withExclusions(before, [
        { site: 'a', code: 'EPOCH_SITE_REFUSED' },
        { site: 'b', code: 'ROUND_DEADLINE_PASSED' },
      ]),
    ).toEqual([
      { site: 'a', code: 'ROSTER_CHANGED' },
      { site: 'b', code: 'ROUND_DEADLINE_PASSED' },
    ]);
  });
});

describe('a round with its sums', () => {
  it('waits for the last of them, and is over when one failed', () => {
    const base = (...states: SumState[]) =>
      nextRoundTransition(facts({ state: 'collecting', base: states.map((state) => ({ state })) }));
    expect([base('done', 'collecting'), base('combining', 'done'), base('done', 'done')]).toEqual([
      null,
      null,
      { to: 'updating' },
    ]);
    const over = { to: 'failed', code: 'INTERNAL' };
    expect([base('done', 'failed'), base('failed', 'collecting')]).toEqual([over, over]);
  });

  it.each(sumStates)('follows them to their end alone, when they are %s', (state) => {
    const step = nextRoundTransition(facts({ state: 'collecting', base: [{ state, code: 'SHARES_MISSING' }] }));
    if (state === 'failed') expect(step).toEqual({ to: 'failed', code: 'SHARES_MISSING' });
    else expect(step).toEqual(state === 'done' ? { to: 'updating' } : null);
  });

  it('waits while there is no sum', () => {
    expect(nextRoundTransition(facts({ state: 'collecting' }))).toBeNull();
  });
});

describe('a round after its update', () => {
  it('evaluates once there is a version', () => {
    expect(nextRoundTransition(facts({ state: 'updating' }))).toBeNull();
    expect(nextRoundTransition(facts({ state: 'updating', version: 4 }))).toEqual({ to: 'evaluating' });
  });

  it('is done when the evaluation is, and failed with its code', () => {
    const evaluating = (state: SumState, code?: ErrorCode) =>
      nextRoundTransition(facts({ state: 'evaluating', version: 4, next: [{ state, ...(code ? { code } : {}) }] }));
    for (const state of sumStates.filter((s) => s !== 'done' && s !== 'failed')) expect(evaluating(state)).toBeNull();
    expect(evaluating('done')).toEqual({ to: 'done' });
    expect(evaluating('failed', 'ROUND_QUORUM_MISSED')).toEqual({ to: 'failed', code: 'ROUND_QUORUM_MISSED' });
    expect(evaluating('failed')).toEqual({ to: 'failed', code: 'INTERNAL' });
    expect(nextRoundTransition(facts({ state: 'evaluating' }))).toBeNull();
  });
});

const code = fc.constantFrom(...(Object.keys(catalogue) as ErrorCode[]));
const cohort = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
const sums = fc.array(fc.record({ state: fc.constantFrom(...sumStates), code }), { maxLength: 3 });
const anyFacts: fc.Arbitrary<RoundFacts> = fc.record({
  state: fc.constantFrom(...order, 'failed' as const),
  cohort,
  spares: fc.subarray(['y', 'z']),
  ceremonies: fc.integer({ min: 0, max: 5 }),
  minSites: fc.integer({ min: 1, max: 5 }),
  epoch: fc.option(
    fc.record({
      state: fc.constantFrom('running', 'ready', 'over', 'failed'),
      code,
      sites: fc.subarray(['a', 'b', 'c', 'd', 'e', 'x']),
    }),
    { nil: null },
  ),
  base: sums,
  version: fc.option(fc.nat(), { nil: null }),
  next: sums,
});

describe('any round, whatever the database says', () => {
  it('never leaves done or failed', () => {
    fc.assert(
      fc.property(anyFacts, fc.constantFrom('done' as const, 'failed' as const), (round, state) => {
        expect(nextRoundTransition({ ...round, state })).toBeNull();
      }),
      { seed: 1, numRuns: runs(500) },
    );
  });

  it('only moves forward, by one state', () => {
    fc.assert(
      fc.property(anyFacts, (round) => {
        const step = nextRoundTransition(round);
        if (step === null || step.to === 'failed') return;
        if (step.to === 'epoch') {
          expect(round.state).toBe('planned');
          return;
        }
        const distance = order.indexOf(step.to) - order.indexOf(round.state);
        expect(distance).toBe(1);
      }),
      { seed: 2, numRuns: runs(2000) },
    );
  });

  it('gets to done or failed in boundedly many steps however its parts end', () => {
    fc.assert(
      fc.property(
        cohort,
        fc.infiniteStream(fc.constantFrom('ready', 'failed')),
        fc.boolean(),
        fc.boolean(),
        (sites, epochs, updateEnds, evaluationEnds) => {
          let round = facts({ cohort: sites, minSites: 2 });
          let steps = 0;
          for (; round.state !== 'done' && round.state !== 'failed'; steps++) {
            expect(steps).toBeLessThan(20);
            round = apply(round, nextRoundTransition(round), {
              epoch: String(epochs.next().value) as 'ready' | 'failed',
              updateEnds,
              evaluationEnds,
            });
          }
        },
      ),
      { seed: 3, numRuns: runs(300) },
    );
  });

  it('never opens an epoch with fewer than the fewest sites again', () => {
    fc.assert(
      fc.property(anyFacts, (round) => {
        const step = nextRoundTransition(round);
        if (step?.to === 'epoch' && round.epoch) {
          expect(step.cohort.length).toBeGreaterThanOrEqual(round.minSites);
          expect(step.cohort.length).toBeLessThanOrEqual(round.cohort.length);
          expect(step.cohort.some((site) => step.excluded.includes(site))).toBe(false);
        }
      }),
      { seed: 4, numRuns: runs(1000) },
    );
  });
});

/** The world answers a step: a ceremony ends, a sum opens or fails, a version appears. */
function apply(
  round: RoundFacts,
  step: RoundTransition | null,
  world: { epoch: 'ready' | 'failed'; updateEnds: boolean; evaluationEnds: boolean },
): RoundFacts {
  if (step?.to === 'epoch') {
    return {
      ...round,
      cohort: step.cohort,
      ceremonies: round.ceremonies + 1,
      epoch: { state: world.epoch, code: 'EPOCH_SITE_MISSING', sites: step.cohort.slice(0, 1) },
    };
  }
  if (step === null) return { ...round, version: 1 };
  const ended = (done: boolean) => ({
    state: done ? ('done' as const) : ('failed' as const),
    code: 'SHARES_MISSING' as const,
  });
  return {
    ...round,
    state: step.to,
    ...(step.to === 'collecting' ? { base: [ended(world.updateEnds), ended(true)] } : {}),
    ...(step.to === 'evaluating' ? { next: [ended(world.evaluationEnds)] } : {}),
  };
}

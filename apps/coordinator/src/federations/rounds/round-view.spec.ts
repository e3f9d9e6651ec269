import { expect, it } from 'vitest';
import type { RoundRow, RoundState } from '../federations.entities.js';
import { roundView } from './round-view.js';

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const round = (...states: RoundState[]): RoundRow =>
  ({
    id: 'r',
    keyEpochId: 'e',
    state: states.at(-1)!,
    startedAt: new Date(0),
    finishedAt: null,
    timeline: states.map((state, i) => ({ state, at: at(i * 10) })),
  }) as RoundRow;
const sum = (...states: string[]) => ({
  id: 's',
  roundId: 'r',
  keyEpochId: 'e',
  uploads: null,
  decryptors: null,
  timeline: states.map((state, i) => ({ state, at: at(10 + i) })) as never,
});
const phases = (view: ReturnType<typeof roundView>) => view.timeline.map((entry) => entry.state);

it('a round that collects shows what its update is doing, and nothing of it goes missing afterwards', () => {
  const collecting = (...states: string[]) => roundView(round('planned', 'collecting'), [sum(...states)], []).state;
  expect(roundView(round('planned'), [], []).state).toBe('planned');
  expect(collecting('collecting')).toBe('collecting');
  expect(collecting('collecting', 'freezing', 'aggregating')).toBe('aggregating');
  expect(collecting('collecting', 'freezing', 'aggregating', 'decrypting', 'combining', 'done')).toBe('decrypting');
  const over = roundView(
    round('planned', 'collecting', 'updating', 'evaluating', 'done'),
    [sum('collecting', 'freezing', 'aggregating', 'decrypting', 'combining', 'done')],
    [],
  );
  expect(over.state).toBe('done');
  const all = ['planned', 'collecting', 'freezing', 'aggregating', 'decrypting', 'updating', 'evaluating', 'done'];
  expect(phases(over)).toEqual(all);
});

it('a sum of an epoch that failed is not the round’s, and only sizes of its own uploads count', () => {
  const sums = [{ ...sum('collecting', 'failed'), id: 'old', keyEpochId: 'before' }, sum('collecting')];
  const uploads = [
    { sumId: 'old', site: 'a', bytes: 1 },
    { sumId: 's', site: 'b', bytes: 3_000_000_000 },
    { sumId: 's', site: 'c', bytes: 3_000_000_000 },
  ];
  const view = roundView(round('planned', 'collecting'), sums, uploads);
  expect(view).toMatchObject({ participants: ['b', 'c'], uploadBytes: 6_000_000_000, state: 'collecting' });
});

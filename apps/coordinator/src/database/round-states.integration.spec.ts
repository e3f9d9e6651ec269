import { withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { undone } from '../testing/undone.fixture.js';
import { dataSource } from './data-source.js';

const database = withDatabase();
const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;
const entries = (...states: string[]) => states.map((state, i) => ({ state, at: at(i) }));

it('rounds of before no longer repeat their sums, lose no time of theirs, and go back', async () => {
  const source = await dataSource(database.url).initialize();
  const rounds = [
    entries('planned'),
    entries('planned', 'collecting', 'closing', 'aggregating'),
    entries('planned', 'collecting', 'closing', 'aggregating', 'decrypting', 'updating', 'evaluating', 'done'),
  ];
  const read = (table: string) =>
    source.query<{ state: string; timeline: { state: string }[] }[]>(
      `SELECT state, timeline FROM ${table} ORDER BY id`,
    );
  const states = async (table: string) =>
    (await read(table)).map(({ state, timeline }) => [state, timeline.map((entry) => entry.state)]);
  try {
    await source.runMigrations();
    await undone(source, 'RoundStates20261128020000');
    await source.query(`
      INSERT INTO runs (id, federation, spec, model_sha256, feature_schema_sha256, parameters, noise_multiplier, epsilon_after, state, started_at)
        VALUES (gen_random_uuid(), 'f', '{}', '', '', 1, 0, '{}', 'running', now())`);
    for (const [number, timeline] of rounds.entries()) {
      const [id, state] = [`00000000-0000-4000-8000-00000000000${number}`, timeline.at(-1)!.state];
      await source.query(
        `INSERT INTO rounds (id, run_id, number, state, cohort, exclusions, fit, base_version, epoch_id, timeline, started_at)
          SELECT $1, id, $2, $3, '{}', '[]', '{}', 1, $1, $4, now() FROM runs`,
        [id, number, state, JSON.stringify(timeline)],
      );
      await source.query(
        `INSERT INTO epochs (id, round_id, header, header_sha256, roster, state, step_index, step_deadline_at)
          VALUES ($1, $1, '{}', '', '[]', 'ready', 0, now())`,
        [id],
      );
      if (state === 'planned') continue;
      await source.query(
        `INSERT INTO sums (id, round_id, epoch_id, purpose, sum_index, state, cohort, length, blocks, model_sha256, deadline_at)
          VALUES ($1, $1, $1, 'update', 0, $2, '{}', 1, 1, '', now())`,
        [id, state],
      );
    }
    const before = await read('rounds');
    await source.runMigrations();
    expect(await states('rounds')).toEqual([
      ['planned', ['planned']],
      ['collecting', ['planned', 'collecting']],
      ['done', ['planned', 'collecting', 'updating', 'evaluating', 'done']],
    ]);
    expect(await states('sums')).toEqual([
      ['aggregating', ['closing', 'aggregating']],
      ['done', ['closing', 'aggregating', 'decrypting']],
    ]);
    await source.undoLastMigration();
    expect(await read('rounds')).toEqual(before);
  } finally {
    await source.destroy();
  }
});

import { withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { AuditService } from '../platform/audit/audit.service.js';
import { connectDatabase } from './data-source.js';

const database = withDatabase();

/** A run, its round, the round's key epoch and its sum, each in a state of protocol 1. */
const ofThen = [
  ['done', 'done', 'over', 'done'],
  ['running', 'planned', 'running', null],
  ['running', 'collecting', 'ready', 'collecting'],
  ['running', 'evaluating', 'ready', 'decrypting'],
  ['running', 'done', 'over', 'done'],
] as const;
const idOf = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

it('what protocol 1 had under way agrees on another key, or ends where sites had begun to train', async () => {
  const source = await connectDatabase(database.url, 10_000);
  const rows = (columns: string, table: string) =>
    source.query<object[]>(`SELECT ${columns} FROM ${table} ORDER BY id`);
  try {
    const from = source.migrations.findIndex((m) => m.name === 'EndOfProtocolOne20261128070000');
    for (const _ of source.migrations.slice(from)) await source.undoLastMigration();
    for (const [n, [run, round, epoch, sum]] of ofThen.entries()) {
      const id = `'${idOf(n)}'`;
      await source.query(`
        INSERT INTO runs (id, federation, spec, model_sha256, feature_schema_sha256, parameters, noise_multiplier, epsilon_after, state, started_at)
          VALUES (${id}, 'f${n}', '{}', '', '', 1, 0, '{}', '${run}', now());
        INSERT INTO rounds (id, run_id, number, state, cohort, exclusions, tasks, base_version, timeline, started_at, key_epoch_id)
          VALUES (${id}, ${id}, 1, '${round}', '{}', '[]', '[]', 1, '[]', now(), ${id});
        INSERT INTO key_epochs (id, round_id, header, header_sha256, roster, state, step_index, step_deadline_at)
          VALUES (${id}, ${id}, '{}', '', '[]', '${epoch}', 0, now());`);
      if (sum)
        await source.query(`
          INSERT INTO sums (id, round_id, key_epoch_id, task, sum_index, state, cohort, length, blocks, model_sha256, deadline_at)
            VALUES (${id}, ${id}, ${id}, 'fit', 0, '${sum}', '{}', 1, 1, '', now())`);
    }
    await source.runMigrations();
    const failure = { code: 'RUN_ENDED_BY_UPDATE', detail: null };
    const [done, running, failed] = [
      { state: 'done', failure: null },
      { state: 'running', failure: null },
      { state: 'failed', failure },
    ];
    expect(await rows('state, failure', 'runs')).toEqual([done, running, failed, failed, running]);
    expect(await rows('state, key_epoch_id AS key', 'rounds')).toEqual([
      { state: 'done', key: idOf(0) },
      { state: 'planned', key: null },
      { state: 'failed', key: idOf(2) },
      { state: 'failed', key: idOf(3) },
      { state: 'done', key: idOf(4) },
    ]);
    expect((await rows('state', 'key_epochs')).map((row) => (row as { state: string }).state)).toEqual([
      'over',
      'failed',
      'over',
      'over',
      'over',
    ]);
    expect(await rows('state, failure', 'sums')).toEqual([done, failed, failed, done]);
    const audit = new AuditService(source);
    expect((await audit.entries(0, 10)).map(({ action, subject }) => [action, subject])).toEqual([
      ['run.failed', idOf(2)],
      ['run.failed', idOf(3)],
    ]);
    expect(await audit.verify()).toMatchObject({ entries: 2, intact: true });
  } finally {
    await source.destroy();
  }
});

import type { MigrationInterface, QueryRunner } from 'typeorm';

const FIT = `jsonb_build_object('weighting', 'records', 'proximalMu', fit->'proximalMu', 'controlVariate', false, 'control', null)`;

/** What a round sums is a list that its strategy asks for, where it was always an update and an evaluation. */
export class RoundTasks20261128060000 implements MigrationInterface {
  readonly name = 'RoundTasks20261128060000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rounds ADD COLUMN tasks jsonb,
        ADD COLUMN counted jsonb NOT NULL DEFAULT '{}', ADD COLUMN told jsonb NOT NULL DEFAULT '{}';
      UPDATE rounds SET tasks = jsonb_build_array(
        jsonb_build_object('task', 'fit', 'on', 'base', 'ask', ${FIT}),
        jsonb_build_object('task', 'evaluate', 'on', 'next', 'ask', '{}'::jsonb));
      ALTER TABLE rounds ALTER COLUMN tasks SET NOT NULL, DROP COLUMN fit;
      ALTER TABLE sums RENAME COLUMN purpose TO task;
      UPDATE sums SET task = CASE task WHEN 'update' THEN 'fit' ELSE 'evaluate' END;
      ALTER TABLE sites ADD COLUMN offers text[] NOT NULL DEFAULT '{fit,evaluate}';`);
  }

  /** Sums of other kinds are those of training, as far as the version before knew. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sites DROP COLUMN offers;
      UPDATE sums SET task = CASE task WHEN 'evaluate' THEN 'evaluation' ELSE 'update' END;
      ALTER TABLE sums RENAME COLUMN task TO purpose;
      ALTER TABLE rounds ADD COLUMN fit jsonb;
      UPDATE rounds SET fit = jsonb_build_object('proximalMu', tasks->0->'ask'->'proximalMu', 'controlVariate', false);
      ALTER TABLE rounds ALTER COLUMN fit SET NOT NULL, DROP COLUMN tasks, DROP COLUMN counted, DROP COLUMN told;`);
  }
}

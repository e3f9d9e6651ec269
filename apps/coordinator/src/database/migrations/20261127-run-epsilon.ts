import type { MigrationInterface, QueryRunner } from 'typeorm';

/** ε of a run is kept with it. That of runs before this is computed when somebody looks at them. */
export class RunEpsilon20261127150000 implements MigrationInterface {
  name = 'RunEpsilon20261127150000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE runs ADD COLUMN epsilon_after jsonb NOT NULL DEFAULT '{}';
      ALTER TABLE runs ALTER COLUMN epsilon_after DROP DEFAULT;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE runs DROP COLUMN epsilon_after;');
  }
}

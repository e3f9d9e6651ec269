import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a round's strategy asked of its sites. Sites of rounds before this did plain training, whatever was asked. */
export class RoundFit20261127120000 implements MigrationInterface {
  name = 'RoundFit20261127120000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rounds ADD COLUMN fit jsonb NOT NULL DEFAULT '{"proximalMu": 0, "controlVariate": false}';
      ALTER TABLE rounds ALTER COLUMN fit DROP DEFAULT;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rounds DROP COLUMN fit;');
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key epoch ends with its round. */
export class KeyEpochsEnd20261128010000 implements MigrationInterface {
  readonly name = 'KeyEpochsEnd20261128010000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE epochs SET state = 'over' FROM rounds
      WHERE rounds.id = epochs.round_id AND rounds.state IN ('done', 'failed') AND epochs.state = 'ready'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("UPDATE epochs SET state = 'ready' WHERE state = 'over'");
  }
}

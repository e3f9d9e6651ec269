import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When each process of the coordinator last said that it runs, and how often a pending step was given its time again. */
export class Heartbeats20261127130000 implements MigrationInterface {
  name = 'Heartbeats20261127130000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE heartbeats (role text CONSTRAINT heartbeats_pk PRIMARY KEY, at timestamptz NOT NULL);
      ALTER TABLE epochs ADD COLUMN extensions integer NOT NULL DEFAULT 0;
      ALTER TABLE sums ADD COLUMN extensions integer NOT NULL DEFAULT 0;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sums DROP COLUMN extensions;
      ALTER TABLE epochs DROP COLUMN extensions;
      DROP TABLE heartbeats;`);
  }
}

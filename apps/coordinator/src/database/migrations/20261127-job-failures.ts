import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What became of jobs that failed: the queues forget them, so that the reconciler can ask for the same one again. */
export class JobFailures20261127140000 implements MigrationInterface {
  name = 'JobFailures20261127140000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE job_failures (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT job_failures_pk PRIMARY KEY, at timestamptz NOT NULL, job text NOT NULL,
        data jsonb NOT NULL, code text NOT NULL, attempt integer NOT NULL, gave_up boolean NOT NULL);`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE job_failures;');
  }
}

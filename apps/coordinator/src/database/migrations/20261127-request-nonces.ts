import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nonces of signed requests, for all replicas. */
export class RequestNonces20261127070000 implements MigrationInterface {
  readonly name = 'RequestNonces20261127070000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE request_nonces (
        site text NOT NULL, nonce text NOT NULL, kept_until timestamptz NOT NULL, CONSTRAINT request_nonces_pk PRIMARY KEY (site, nonce));`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE request_nonces');
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The digest of every stored blob, and which finished rounds have been cleared of theirs. */
export class BlobDigests20261127080000 implements MigrationInterface {
  readonly name = 'BlobDigests20261127080000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sum_blocks (
        sum_id uuid NOT NULL CONSTRAINT sum_blocks_sum_fk REFERENCES sums, block_index integer NOT NULL, sha256 text NOT NULL,
        CONSTRAINT sum_blocks_pk PRIMARY KEY (sum_id, block_index));
      ALTER TABLE sums ADD COLUMN result_sha256 text;
      ALTER TABLE rounds ADD COLUMN strategy_sha256 text, ADD COLUMN cleared boolean NOT NULL DEFAULT false;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rounds DROP COLUMN cleared, DROP COLUMN strategy_sha256;
      ALTER TABLE sums DROP COLUMN result_sha256;
      DROP TABLE sum_blocks;`);
  }
}

import { canonicalBytes, sha256Hex } from '@koinon/signing';
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
    await endRuns(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rounds DROP COLUMN cleared, DROP COLUMN strategy_sha256;
      ALTER TABLE sums DROP COLUMN result_sha256;
      DROP TABLE sum_blocks;`);
  }
}

/** No digest is known of what a running run stored: it would end as damaged, after more sites had spent ε on it. */
async function endRuns(runner: QueryRunner): Promise<void> {
  const code = 'RUN_ENDED_BY_UPDATE';
  const failure = { code, detail: null };
  const at = new Date();
  const ended = { state: 'failed', at: at.toISOString() };
  const runs = await runner.manager.query<{ id: string }[]>(
    "SELECT id FROM runs WHERE state = 'running' ORDER BY started_at, id",
  );
  await runner.query("UPDATE sums SET state = 'failed', failure = $1 WHERE state NOT IN ('done', 'failed')", [failure]);
  await runner.query("UPDATE epochs SET state = 'failed', failure = $1 WHERE state = 'running'", [
    { ...failure, sites: [] },
  ]);
  await runner.query(
    `
    UPDATE rounds SET state = 'failed', failure = $1, finished_at = $2, timeline = timeline || $3::jsonb
    WHERE state NOT IN ('done', 'failed')`,
    [failure, at, ended],
  );
  await runner.query("UPDATE runs SET state = 'failed', failure = $1, finished_at = $2 WHERE state = 'running'", [
    failure,
    at,
  ]);
  for (const { id } of runs)
    await audited(runner, { actor: 'coordinator', action: 'run.failed', subject: id, detail: { code } });
}

/** The chain of the audit log and its lock, as they were at the time of this migration. */
async function audited(
  runner: QueryRunner,
  record: { actor: string; action: string; subject: string; detail: object },
): Promise<void> {
  await runner.query('SELECT pg_advisory_xact_lock($1)', [0x61756469]);
  const [last] = await runner.manager.query<{ hash: string }[]>('SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1');
  const at = new Date().toISOString();
  const previousHash = last?.hash ?? '0'.repeat(64);
  const hash = await sha256Hex(canonicalBytes({ previousHash, at, ...record }));
  await runner.query(
    'INSERT INTO audit_log (at, actor, action, subject, detail, previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [at, record.actor, record.action, record.subject, record.detail, previousHash, hash],
  );
}

import { canonicalBytes, sha256Hex } from '@koinon/signing';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CODE = 'RUN_ENDED_BY_UPDATE';
/** Rounds in which sites have begun to encrypt: what they signed and keep of it is in words that nobody reads any more. */
const BEGUN = "('collecting', 'updating', 'evaluating')";

/**
 * What protocol 1 had under way. A round whose sites were still agreeing on a key agrees on another; a run whose sites had trained for
 * the round ends, as they would not train for it twice. Versions stay, and so do the ledgers at the sites.
 */
export class EndOfProtocolOne20261128070000 implements MigrationInterface {
  readonly name = 'EndOfProtocolOne20261128070000';

  async up(runner: QueryRunner): Promise<void> {
    const failure = { code: CODE, detail: null };
    const at = new Date();
    const ended = { state: 'failed', at: at.toISOString() };
    const runs = await runner.manager.query<{ id: string }[]>(
      `SELECT id FROM runs WHERE state = 'running' AND id IN (SELECT run_id FROM rounds WHERE state IN ${BEGUN}) ORDER BY started_at, id`,
    );
    await runner.query("UPDATE rounds SET key_epoch_id = NULL WHERE state = 'planned'");
    await runner.query("UPDATE key_epochs SET state = 'failed', failure = $1 WHERE state = 'running'", [
      { ...failure, sites: [] },
    ]);
    await runner.query("UPDATE key_epochs SET state = 'over' WHERE state = 'ready'");
    await runner.query(
      "UPDATE sums SET state = 'failed', failure = $1, timeline = timeline || $2::jsonb WHERE state NOT IN ('done', 'failed')",
      [failure, ended],
    );
    await runner.query(
      `UPDATE rounds SET state = 'failed', failure = $1, finished_at = $2, timeline = timeline || $3::jsonb WHERE state IN ${BEGUN}`,
      [failure, at, ended],
    );
    await runner.query("UPDATE runs SET state = 'failed', failure = $1, finished_at = $2 WHERE id = ANY ($3)", [
      failure,
      at,
      runs.map(({ id }) => id),
    ]);
    for (const { id } of runs) await audited(runner, id, at.toISOString());
  }

  /** What was ended stays ended. */
  async down(): Promise<void> {}
}

/** The chain of the audit log and its lock, as they were at the time of this migration. */
async function audited(runner: QueryRunner, subject: string, at: string): Promise<void> {
  const entry = { actor: 'coordinator', action: 'run.failed', subject, detail: { code: CODE } };
  await runner.query('SELECT pg_advisory_xact_lock($1)', [0x61756469]);
  const [last] = await runner.manager.query<{ hash: string }[]>('SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1');
  const previousHash = last?.hash ?? '0'.repeat(64);
  const hash = await sha256Hex(canonicalBytes({ previousHash, at, ...entry }));
  await runner.query(
    'INSERT INTO audit_log (at, actor, action, subject, detail, previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [at, entry.actor, entry.action, entry.subject, entry.detail, previousHash, hash],
  );
}

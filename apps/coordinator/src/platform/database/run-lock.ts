/**
 * One lock per run, taken before any other lock of its rounds, epochs and sums: two writers never wait for each other.
 * What holds a run's parts together is known here by its table alone: the modules that share the lock stand below
 * `federations`, which owns the rows.
 */
import type { EntityManager } from 'typeorm';

export async function lockRun(tx: EntityManager, runId: string): Promise<void> {
  await tx.query('SELECT 1 FROM runs WHERE id = $1 FOR UPDATE', [runId]);
}

export async function runOf(m: EntityManager, roundId: string): Promise<string> {
  const [round] = await m.query<{ run_id: string }[]>('SELECT run_id FROM rounds WHERE id = $1', [roundId]);
  return round!.run_id;
}

/** @returns the id of the round's run, which is locked now */
export async function lockRunOf(tx: EntityManager, roundId: string): Promise<string> {
  const runId = await runOf(tx, roundId);
  await lockRun(tx, runId);
  return runId;
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = [
  ['epochs', 'key_epochs'],
  ['epoch_messages', 'key_epoch_messages'],
  ['epoch_refusals', 'key_epoch_refusals'],
  ['shares', 'decryption_shares'],
] as const;

/** [table, old name, new name] of columns and constraints, where the tables have their new names. */
const COLUMNS = [
  ['rounds', 'epoch_id', 'key_epoch_id'],
  ['key_epoch_messages', 'epoch_id', 'key_epoch_id'],
  ['key_epoch_refusals', 'epoch_id', 'key_epoch_id'],
  ['sums', 'epoch_id', 'key_epoch_id'],
  ['sums', 'active_set', 'decryptors'],
  ['sums', 'closing', 'commitment'],
] as const;

const CONSTRAINTS = [
  ['key_epochs', 'epochs_pk', 'key_epochs_pk'],
  ['key_epochs', 'epochs_round_fk', 'key_epochs_round_fk'],
  ['key_epoch_messages', 'epoch_messages_pk', 'key_epoch_messages_pk'],
  ['key_epoch_messages', 'epoch_messages_epoch_fk', 'key_epoch_messages_epoch_fk'],
  ['key_epoch_refusals', 'epoch_refusals_pk', 'key_epoch_refusals_pk'],
  ['key_epoch_refusals', 'epoch_refusals_epoch_fk', 'key_epoch_refusals_epoch_fk'],
  ['sums', 'sums_epoch_fk', 'sums_key_epoch_fk'],
  ['decryption_shares', 'shares_pk', 'decryption_shares_pk'],
  ['decryption_shares', 'shares_sum_fk', 'decryption_shares_sum_fk'],
] as const;

/** A key epoch is no epoch of training; a sum's uploads are frozen before they are added. What the audit log says stays as it was. */
export class KeyEpochNames20261128040000 implements MigrationInterface {
  readonly name = 'KeyEpochNames20261128040000';

  async up(runner: QueryRunner): Promise<void> {
    for (const [from, to] of TABLES) await runner.query(`ALTER TABLE ${from} RENAME TO ${to}`);
    for (const [table, from, to] of COLUMNS) await runner.query(`ALTER TABLE ${table} RENAME COLUMN ${from} TO ${to}`);
    for (const [table, from, to] of CONSTRAINTS)
      await runner.query(`ALTER TABLE ${table} RENAME CONSTRAINT ${from} TO ${to}`);
    await runner.query('ALTER INDEX sums_epoch_index RENAME TO sums_key_epoch_index');
    await runner.query(`UPDATE key_epochs SET header = header - 'epochId' || jsonb_build_object('keyEpochId', id)`);
    await renameState(runner, 'closing', 'freezing');
  }

  async down(runner: QueryRunner): Promise<void> {
    await renameState(runner, 'freezing', 'closing');
    await runner.query(`UPDATE key_epochs SET header = header - 'keyEpochId' || jsonb_build_object('epochId', id)`);
    await runner.query('ALTER INDEX sums_key_epoch_index RENAME TO sums_epoch_index');
    for (const [table, from, to] of CONSTRAINTS)
      await runner.query(`ALTER TABLE ${table} RENAME CONSTRAINT ${to} TO ${from}`);
    for (const [table, from, to] of COLUMNS) await runner.query(`ALTER TABLE ${table} RENAME COLUMN ${to} TO ${from}`);
    for (const [from, to] of TABLES) await runner.query(`ALTER TABLE ${to} RENAME TO ${from}`);
  }
}

async function renameState(runner: QueryRunner, from: string, to: string): Promise<void> {
  await runner.query('UPDATE sums SET state = $2 WHERE state = $1', [from, to]);
  await runner.query(
    `UPDATE sums SET timeline = (
       SELECT jsonb_agg(CASE WHEN entry ->> 'state' = $1 THEN jsonb_set(entry, '{state}', to_jsonb($2::text)) ELSE entry END ORDER BY place)
       FROM jsonb_array_elements(timeline) WITH ORDINALITY AS t (entry, place)
     ) WHERE timeline @> jsonb_build_array(jsonb_build_object('state', $1::text))`,
    [from, to],
  );
}

import { withDatabase } from '@koinon/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { withFederation } from '../../testing/federation.fixture.js';

interface Row {
  readonly seq: string;
}

describe('the audit log', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), { alpha: {}, beta: {} });
  const query = <T>(sql: string, parameters: unknown[] = []) => federation.coordinator.query<T>(sql, parameters);
  const verify = () => federation.coordinator.client.auditReport();
  let rows: Row[] = [];

  beforeAll(async () => {
    await Promise.all(['gamma', 'delta', 'epsilon'].map((id) => federation.coordinator.client.invite(id, id)));
    rows = await query<Row>('SELECT seq FROM audit_log ORDER BY seq');
  });

  /** What verification says of the log after `change`, which is undone afterwards. */
  async function after(change: () => Promise<unknown>): Promise<Awaited<ReturnType<typeof verify>>> {
    await query('CREATE TABLE kept AS TABLE audit_log');
    await change();
    const report = await verify();
    await query('DELETE FROM audit_log');
    await query('INSERT INTO audit_log OVERRIDING SYSTEM VALUE SELECT * FROM kept');
    await query('DROP TABLE kept');
    expect(await verify()).toEqual({ entries: rows.length, intact: true, firstBroken: null });
    return report;
  }

  it('verifies, entries of several callers at once included', async () => {
    expect(rows.length).toBe(7);
    expect(await verify()).toEqual({ entries: 7, intact: true, firstBroken: null });
  });

  it.each([
    "at = at + interval '1 millisecond'",
    "actor = 'somebody'",
    "action = 'site.removed'",
    "subject = 'other'",
    `detail = '{"name":"x"}'`,
    `hash = repeat('0', 64)`,
    `previous_hash = repeat('f', 64)`,
  ])('shows an edit of any row: %s', async (edit) => {
    for (const { seq } of rows) {
      const report = await after(() => query(`UPDATE audit_log SET ${edit} WHERE seq = $1`, [seq]));
      expect({ seq, ...report }).toMatchObject({ seq, intact: false, firstBroken: Number(seq) });
    }
  });

  it('shows the deletion of any row but the last by the row behind it', async () => {
    for (const [i, { seq }] of rows.slice(0, -1).entries()) {
      expect(await after(() => query('DELETE FROM audit_log WHERE seq = $1', [seq]))).toMatchObject({
        intact: false,
        firstBroken: Number(rows[i + 1]!.seq),
      });
    }
  });

  it('shows an inserted row and two rows swapped', async () => {
    const [a, b] = [rows[1]!.seq, rows[2]!.seq];
    const inserted = () =>
      query(
        'INSERT INTO audit_log (at, actor, action, subject, detail, previous_hash, hash) SELECT at, actor, action, subject, detail, previous_hash, hash FROM audit_log WHERE seq = $1',
        [a],
      );
    expect((await after(inserted)).intact).toBe(false);
    const swapped = async () => {
      await query(
        'CREATE TABLE swapped AS SELECT * FROM audit_log WHERE seq IN ($1, $2)'.replace('$1', a).replace('$2', b),
      );
      await query(`DELETE FROM audit_log WHERE seq IN (${a}, ${b})`);
      await query(
        `INSERT INTO audit_log OVERRIDING SYSTEM VALUE SELECT CASE seq WHEN ${a} THEN ${b} ELSE ${a} END, at, actor, action, subject, detail, previous_hash, hash FROM swapped`,
      );
      await query('DROP TABLE swapped');
    };
    expect((await after(swapped)).intact).toBe(false);
  });

  it('is read in pages', async () => {
    const page = async (path: string) =>
      (
        await fetch(new URL(path, federation.coordinator.url), {
          headers: { authorization: `Bearer ${federation.coordinator.viewerToken}` },
        })
      ).json() as Promise<{ seq: number }[]>;
    const first = await page('/v1/audit?limit=3');
    expect(first).toHaveLength(3);
    expect((await page(`/v1/audit?after=${first[2]!.seq}`)).map((e) => e.seq)).toEqual(
      rows.slice(3).map((r) => Number(r.seq)),
    );
  });
});

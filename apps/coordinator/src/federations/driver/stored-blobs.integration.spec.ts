import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CeremonyStatement, Envelope, RunView } from '@koinon/contracts';
import { withDatabase, until } from '@koinon/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DiskBlobStore } from '../../platform/blobs/blob-store.js';
import { REQUEST_TIMEOUT_MS } from '../../platform/http/connections.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import type { Behaviour } from '../../testing/recordless-site.fixture.js';
import { digest, tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';
import { ClearRoundsService } from '../rounds/clear-rounds.service.js';

interface Held {
  readonly runId: string;
  readonly sumId: string;
  /** The site that has done its part and the one that waits. */
  readonly done: string;
}

describe('what the coordinator stored', () => {
  const database = withDatabase();
  const behaviours: Record<string, Behaviour> = { alpha: {}, beta: {}, gamma: {} };
  const federation = withFederation(() => ({ databaseUrl: database.url }), behaviours);
  const ids = Object.keys(behaviours);
  const query = <T>(sql: string, parameters: unknown[] = []) => federation.coordinator.query<T>(sql, parameters);
  const blobs = () => join(federation.coordinator.home, 'blobs');

  beforeAll(() => {
    for (const site of federation.sites) site.work();
  });
  afterEach(() => release());

  const hold = (kind: keyof Behaviour, sites = ids) => sites.forEach((id) => (behaviours[id]![kind] = 'silent'));
  function release(): void {
    for (const behaviour of Object.values(behaviours))
      for (const kind of Object.keys(behaviour)) delete behaviour[kind as keyof Behaviour];
  }

  /** One bit of a stored file. */
  function damage(key: string): void {
    const path = join(blobs(), key);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
  }

  /** The update sum of a run once the first of two decryption shares is in. */
  async function beforeLastShare(runId: string): Promise<Held> {
    const sum = await until(
      'a closed sum',
      async () =>
        (
          await query<{ id: string; decryptors: string[] }>(
            "SELECT s.id, s.decryptors FROM sums s JOIN rounds r ON r.id = s.round_id WHERE r.run_id = $1 AND s.state = 'decrypting'",
            [runId],
          )
        )[0],
    );
    const done = sum.decryptors[0]!;
    delete behaviours[done]!.decrypt;
    await until(
      'the first share',
      async () => (await query('SELECT 1 FROM decryption_shares WHERE sum_id = $1', [sum.id])).length === 1,
    );
    return { runId, sumId: sum.id, done };
  }

  /** Holds the transaction that records a decrypted sum, whose bytes are on the disk by then, until `work` is done. */
  async function whileCombined(task: string, work: (sumId: string) => void): Promise<void> {
    const connection = federation.coordinator.foundations.database.createQueryRunner();
    await connection.query(`SELECT pg_advisory_lock(4711)`);
    await query(
      `CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END'`,
    );
    await query(
      `CREATE TRIGGER held BEFORE UPDATE ON sums FOR EACH ROW WHEN (NEW.combined AND NOT OLD.combined AND NEW.task = '${task}') EXECUTE FUNCTION held()`,
    );
    try {
      await until(
        'the sum to be combined',
        async () =>
          (await query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted")).length >
          0,
      );
      const [sum] = await query<{ id: string }>("SELECT id FROM sums WHERE state = 'combining' AND task = $1", [task]);
      work(sum!.id);
    } finally {
      await connection.query('SELECT pg_advisory_unlock(4711)');
      await connection.release();
      await query('DROP FUNCTION held CASCADE');
    }
  }

  async function failed(runId: string): Promise<NonNullable<RunView['failure']>> {
    const { state, failure, federation: model, rounds } = await ended(federation.coordinator, runId);
    expect(state).toBe('failed');
    expect(await query('SELECT 1 FROM model_aliases WHERE model = $1', [model])).toEqual([]);
    expect(rounds.at(-1)).toMatchObject({ state: 'failed', failure });
    return failure!;
  }

  it('of an upload is not added when a bit of it flipped', async () => {
    hold('fit', ['gamma']);
    const { id } = await startRun(federation.coordinator, tinySpec({ name: 'upload' }));
    const { sum_id: sumId } = await until('two uploads', async () => {
      const rows = await query<{ sum_id: string }>(
        'SELECT u.sum_id FROM uploads u JOIN sums s ON s.id = u.sum_id JOIN rounds r ON r.id = s.round_id WHERE r.run_id = $1',
        [id],
      );
      return rows.length === 2 && rows[0];
    });
    damage(`sums/${sumId}/uploads/alpha/0`);
    release();
    expect(await failed(id)).toEqual({ code: 'BLOB_DAMAGED', detail: 'sent by alpha' });
  });

  it.each<[string, (held: Held) => string, string | null]>([
    ['of a sum is not decrypted', ({ sumId }) => `sums/${sumId}/sum/0`, null],
    ['of a share is not used', ({ sumId, done }) => `sums/${sumId}/shares/${done}`, 'sent by'],
    ['of a model is not trained on', () => `sha256/${digest(tinyModel())}`, null],
  ])('%s when a bit of it flipped', async (name, key, detail) => {
    hold('decrypt');
    const { id } = await startRun(federation.coordinator, tinySpec({ name: `damaged-${name.split(' ')[2]}` }));
    const held = await beforeLastShare(id);
    damage(key(held));
    release();
    const failure = await failed(id);
    expect(failure.code).toBe('BLOB_DAMAGED');
    expect(failure.detail).toEqual(detail === null ? null : `${detail} ${held.done}`);
  });

  it('of a share stays what was committed, whatever its site sends meanwhile or when the sum is over', async () => {
    hold('decrypt');
    const { id } = await startRun(federation.coordinator, tinySpec({ name: 'shares' }));
    const { sumId, done } = await beforeLastShare(id);
    const [{ decryptors: active }] = (await query<{ decryptors: string[] }>(
      'SELECT decryptors FROM sums WHERE id = $1',
      [sumId],
    )) as [{ decryptors: string[] }];
    const late = federation.site(active.find((site) => site !== done)!);
    const path = `/v1/site/sums/${sumId}/decryption-share`;
    const folder = join(blobs(), `sums/${sumId}/shares`);
    const finish = await late.link.halfPut(path, randomBytes(statSync(join(folder, done)).size));
    await until('the first bytes to arrive', () =>
      Promise.resolve(readdirSync(folder).some((f) => f.endsWith('.part'))),
    );
    release();
    expect(
      await until(
        'the last share',
        async () => (await query('SELECT 1 FROM decryption_shares WHERE sum_id = $1', [sumId])).length === 2,
      ),
    ).toBe(true);
    expect(JSON.parse(await finish())).toMatchObject({ code: 'MESSAGE_CONFLICT' });
    expect(await ended(federation.coordinator, id)).toMatchObject({ state: 'done' });
    const stored = await query<{ site: string; sha256: string }>(
      'SELECT site, sha256 FROM decryption_shares WHERE sum_id = $1 ORDER BY site',
      [sumId],
    );
    expect(
      readdirSync(folder)
        .toSorted()
        .map((site) => ({ site, sha256: digest(readFileSync(join(folder, site))) })),
    ).toEqual(stored);
    await query('DELETE FROM decryption_shares WHERE sum_id = $1 AND site = $2', [sumId, late.id]);
    rmSync(join(folder, late.id));
    await expect(late.link.ask('PUT', path, { bytes: readFileSync(join(folder, done)) })).rejects.toMatchObject({
      code: 'ROUND_DEADLINE_PASSED',
    });
    expect(readdirSync(folder)).toEqual([done]);
  });

  it('of a sum is shown by its index while shares are missing, and not after; no such question ends the process', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      hold('decrypt');
      const { id } = await startRun(federation.coordinator, tinySpec({ name: 'openings' }));
      const { sumId, done } = await beforeLastShare(id);
      const answer = async (path: string) => {
        const response = await federation.site(done).link.request('GET', `/v1/site/sums/${sumId}/${path}`);
        return response.ok ? response.status : ((await response.json()) as { code: string }).code;
      };
      for (const kind of ['sum', 'openings']) {
        expect(await answer(`${kind}/0`)).toBe(200);
        for (const index of [1, -1, 999_999]) expect(await answer(`${kind}/${index}`)).toBe('REQUEST_INVALID');
      }
      expect(unhandled).toEqual([]);
      release();
      expect(await ended(federation.coordinator, id)).toMatchObject({ state: 'done' });
      for (const kind of ['sum', 'openings'])
        for (const index of [0, 999_999]) expect(await answer(`${kind}/${index}`)).toBe('STEP_OUT_OF_ORDER');
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it.each([
    ['fit', null],
    ['evaluate', 'the result of the evaluation'],
  ])('as the result of %s counts for nothing when a bit of it flipped', async (task, detail) => {
    hold('decrypt');
    const { id } = await startRun(federation.coordinator, tinySpec({ name: `result-${task}` }));
    const combined = whileCombined(task, (sumId) => damage(`sums/${sumId}/result`));
    release();
    await combined;
    expect(await failed(id)).toEqual({ code: 'BLOB_DAMAGED', detail });
  });

  it.each<[string, string, keyof Behaviour, string[]]>([
    ['that runs', 'commit', 'ceremony', ['gamma']],
    ['that is over', 'confirm', 'fit', ids],
  ])('of a ceremony %s ends the round and blames no site when a bit of it flipped', async (_, step, kind, sites) => {
    hold(kind, sites);
    const { id } = await startRun(federation.coordinator, tinySpec({ name: `ceremony-${step}` }));
    const message = await until(
      'a message',
      async () =>
        (
          await query<{ key_epoch_id: string; statement: Envelope }>(
            `SELECT m.key_epoch_id, m.statement FROM key_epoch_messages m JOIN key_epochs e ON e.id = m.key_epoch_id JOIN rounds r ON r.id = e.round_id
         WHERE r.run_id = $1 AND m.step = $2 AND m.site = 'alpha'`,
            [id, step],
          )
        )[0],
    );
    const { messages } = JSON.parse(
      Buffer.from(message.statement.payload, 'base64').toString('utf8'),
    ) as CeremonyStatement;
    damage(`epochs/${message.key_epoch_id}/${step}/alpha/${messages[0]!.sha256}`);
    release();
    expect(await failed(id)).toEqual({ code: 'BLOB_DAMAGED', detail: 'a message of the key ceremony' });
    expect((await federation.coordinator.client.run(id)).rounds).toMatchObject([{ exclusions: [] }]);
  });

  it('of a strategy does not go on when a bit of it flipped', async () => {
    hold('evaluate', ['gamma']);
    const { id } = await startRun(federation.coordinator, tinySpec({ name: 'strategy', rounds: 2 }));
    await until(
      'the first version',
      async () => (await query("SELECT 1 FROM rounds WHERE run_id = $1 AND state = 'evaluating'", [id])).length === 1,
    );
    damage(`runs/${id}/strategy-1`);
    release();
    expect(await failed(id)).toEqual({ code: 'BLOB_DAMAGED', detail: null });
  });

  it('of rounds that ended is removed, but for results, models and what the audit log names', async () => {
    const below = (key: string) =>
      (existsSync(join(blobs(), key))
        ? readdirSync(join(blobs(), key), { recursive: true, encoding: 'utf8' })
        : []
      ).filter((f) => statSync(join(blobs(), key, f)).isFile());
    const { id } = await startRun(federation.coordinator, tinySpec({ name: 'cleared' }));
    expect(await ended(federation.coordinator, id)).toMatchObject({ state: 'done' });
    const before = await federation.coordinator.client.run(id);
    const [sums, epochs] = [
      await query<{ id: string; combined: boolean }>('SELECT id, combined FROM sums'),
      await query<{ id: string }>('SELECT id FROM key_epochs'),
    ];
    const kept = { models: below('sha256'), states: below('runs') };
    // A body may still be on its way for as long as a request may take.
    await query('UPDATE rounds SET finished_at = $1 WHERE finished_at IS NOT NULL AND NOT cleared', [
      new Date(Date.now() - REQUEST_TIMEOUT_MS),
    ]);
    await new ClearRoundsService(federation.coordinator.foundations.database, new DiskBlobStore(blobs())).clear();
    expect((await query('SELECT 1 FROM rounds WHERE NOT cleared')).length).toBeGreaterThan(0);
    const clear = async () => {
      await query(
        "UPDATE rounds SET cleared = false, finished_at = now() - interval '10 minutes' WHERE finished_at IS NOT NULL",
      );
      await until(
        'every round to be cleared',
        async () => (await query('SELECT 1 FROM rounds WHERE NOT cleared')).length === 0,
      );
    };
    expect(below('epochs').length).toBeGreaterThan(0);
    await clear();
    expect(below('epochs')).toEqual([]);
    for (const { id: sumId, combined } of sums) expect(below(`sums/${sumId}`)).toEqual(combined ? ['result'] : []);
    expect({ models: below('sha256'), states: below('runs') }).toEqual(kept);
    // Once more, as after a crash before the mark.
    await clear();
    expect(epochs.length).toBeGreaterThan(0);
    expect((await federation.coordinator.client.run(id)).rounds[0]).toMatchObject({
      ...before.rounds[0],
      finishedAt: expect.any(String) as string,
    });
    expect(await federation.coordinator.client.auditReport()).toMatchObject({ intact: true });
  });
});

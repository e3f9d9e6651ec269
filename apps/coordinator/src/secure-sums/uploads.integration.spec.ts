import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROTOCOL, uploadStatement, type AssignmentOf } from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { withDatabase, until } from '@koinon/testing';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import { type Behaviour, type SentSum, type RecordlessSite } from '../testing/recordless-site.fixture.js';
import { rootOf } from '../testing/signed-requests.fixture.js';
import { digest, tinyModel, tinySpec } from '../testing/tiny-federation.fixture.js';

/** More values than one block holds. */
const FEATURES = 17_000;

describe('an upload', () => {
  const database = withDatabase();
  const behaviours: Record<string, Behaviour> = {
    alpha: { fit: 'silent' },
    beta: { fit: 'silent' },
    gamma: { fit: 'silent' },
  };
  const federation = withFederation(() => ({ databaseUrl: database.url }), behaviours);
  let runId = '';
  let alpha: RecordlessSite;
  let train: AssignmentOf<'task'>;
  let sent: SentSum;

  beforeAll(async () => {
    runId = (await startRun(federation.coordinator, tinySpec(), tinyModel(FEATURES))).id;
    for (const site of federation.sites) site.work();
    alpha = federation.site('alpha');
    train = await until('the assignment to train', async () =>
      (await alpha.assignments()).find((a) => a.kind === 'task'),
    );
    sent = await alpha.encrypted(train);
  });

  const path = (index: number | string, sumId = train.sumId) => `/v1/site/sums/${sumId}/blocks/${index}`;
  const codeOf = async (response: Response) =>
    response.ok ? response.status : ((await response.json()) as { code: string }).code;
  const put = async (index: number | string, bytes: Uint8Array, site = alpha) =>
    codeOf(await site.link.request('PUT', path(index), { bytes }));
  const commit = (root: string, blocks = 2, site = alpha) =>
    site.link.finishUpload(train.sumId, blocks, root).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  const blobFile = (index: number, site = 'alpha') =>
    join(federation.coordinator.home, 'blobs/sums', train.sumId, 'uploads', site, String(index));

  it('has two blocks here', () => {
    expect(sent.blocks).toHaveLength(2);
  });

  it('is not committed while blocks are missing', async () => {
    expect(await commit(sent.root)).toBe('UPLOAD_INCOMPLETE');
    expect(await put(0, sent.blocks[0]!)).toBe(204);
    expect(await commit(sent.root)).toBe('UPLOAD_INCOMPLETE');
    expect(await alpha.link.ask('GET', `/v1/site/sums/${train.sumId}/blocks`)).toEqual([
      { index: 0, sha256: digest(sent.blocks[0]!) },
    ]);
  });

  it.each<[string, number | string, (block: Uint8Array) => Uint8Array, string]>([
    ['a block of one byte too many', 1, (b) => Buffer.concat([b, Uint8Array.of(0)]), 'BODY_TOO_LARGE'],
    ['a block of one byte too few', 1, (b) => b.subarray(1), 'BLOCK_SIZE_INVALID'],
    ['an empty block', 1, () => new Uint8Array(), 'BLOCK_SIZE_INVALID'],
    ['a block of many times the size', 1, (b) => new Uint8Array(20 * b.length), 'BODY_TOO_LARGE'],
    ['a block behind the last', 2, (b) => b, 'REQUEST_INVALID'],
    ['a block before the first', -1, (b) => b, 'REQUEST_INVALID'],
    ['a block with another index than a number', 'x', (b) => b, 'REQUEST_INVALID'],
  ])('does not take %s', async (_, index, change, code) => {
    expect(await put(index, change(sent.blocks[1]!))).toBe(code);
    expect(readdirSync(join(blobFile(0), '..'))).toEqual(['0']);
  });

  it('does not take other bytes than the ones signed', async () => {
    const response = await alpha.link.request(
      'PUT',
      path(1),
      { bytes: sent.blocks[1]! },
      { bodySha256: digest(sent.blocks[0]!) },
    );
    expect(await codeOf(response)).toBe('BLOCK_DIGEST_MISMATCH');
    expect(await codeOf(await alpha.link.request('PUT', path(1), { json: {} }))).toBe('REQUEST_INVALID');
    expect(readdirSync(join(blobFile(0), '..'))).toEqual(['0']);
  });

  it('keeps a good block when a bad one is sent over it', async () => {
    expect(await put(0, sent.blocks[0]!.subarray(7))).toBe('BLOCK_SIZE_INVALID');
    expect(digest(readFileSync(blobFile(0)))).toBe(digest(sent.blocks[0]!));
  });

  it('is nobody else’s: another site cannot write into it, nor a site outside the cohort', async () => {
    const beta = federation.site('beta');
    expect(await put(0, randomBytes(sent.blocks[0]!.length), beta)).toBe(204);
    expect(digest(readFileSync(blobFile(0)))).toBe(digest(sent.blocks[0]!));
    await federation.coordinator.query("UPDATE sums SET cohort = array_remove(cohort, 'beta') WHERE id = $1", [
      train.sumId,
    ]);
    expect(await put(0, sent.blocks[0]!, beta)).toBe('NOT_FOUND');
    await federation.coordinator.query("UPDATE sums SET cohort = ARRAY['alpha', 'beta', 'gamma'] WHERE id = $1", [
      train.sumId,
    ]);
    expect(
      await codeOf(
        await alpha.link.request('PUT', path(0, '6a9b1cb7-31a0-4fd2-8f0c-1a2b3c4d5e6f'), { bytes: sent.blocks[0]! }),
      ),
    ).toBe('NOT_FOUND');
  });

  it('is committed only under its own root, number of blocks and name', async () => {
    expect(await put(1, sent.blocks[1]!)).toBe(204);
    expect(await commit(rootOf(sent.blocks.toReversed()))).toBe('UPLOAD_ROOT_MISMATCH');
    expect(await commit(sent.root, 1)).toBe('SIGNATURE_INVALID');
    const statement = await signStatement(
      uploadStatement.type,
      { protocol: PROTOCOL, sumId: train.sumId, site: 'beta', blocks: 2, root: sent.root },
      alpha.link.signer,
    );
    expect(
      await codeOf(await alpha.link.request('POST', `/v1/site/sums/${train.sumId}/finish`, { json: statement })),
    ).toBe('SIGNATURE_INVALID');
    expect(await federation.coordinator.query('SELECT 1 FROM uploads WHERE sum_id = $1', [train.sumId])).toEqual([]);
  });

  it('cannot be changed by a block that is on its way while it is committed', async () => {
    const other = randomBytes(sent.blocks[1]!.length);
    const finish = await alpha.link.halfPut(path(1), other);
    await until('the first bytes to arrive', () =>
      Promise.resolve(readdirSync(join(blobFile(0), '..')).some((f) => f.endsWith('.part'))),
    );
    const wake = vi.spyOn(federation.coordinator.app.get(JobsService), 'wake');
    const commits = await Promise.all([commit(sent.root), commit(sent.root)]);
    expect(commits).toEqual(['taken', 'taken']);
    // Two uploads of three are awaited.
    expect(wake).not.toHaveBeenCalled();
    expect(JSON.parse(await finish())).toMatchObject({ code: 'MESSAGE_CONFLICT' });
    const rows = await federation.coordinator.query<{ sha256: string }>(
      "SELECT sha256 FROM upload_blocks WHERE sum_id = $1 AND site = 'alpha' ORDER BY block_index",
      [train.sumId],
    );
    expect(rows.map((r) => r.sha256)).toEqual(sent.blocks.map((b) => digest(b)));
    expect(readdirSync(join(blobFile(0), '..'))).toEqual(['0', '1']);
    expect(digest(readFileSync(blobFile(1)))).toBe(digest(sent.blocks[1]!));
  });

  it('is final: the same again is fine, anything else is not', async () => {
    expect(await commit(sent.root)).toBe('taken');
    expect(await commit(rootOf(sent.blocks.toReversed()))).toBe('MESSAGE_CONFLICT');
    expect(await put(0, sent.blocks[0]!)).toBe(204);
    expect(await put(0, sent.blocks[1]!)).toBe('MESSAGE_CONFLICT');
    expect(digest(readFileSync(blobFile(0)))).toBe(digest(sent.blocks[0]!));
  });

  it('is not shown to anybody before the sum is committed', async () => {
    for (const at of ['sum/0', 'openings/0'])
      expect(await codeOf(await alpha.link.request('GET', `/v1/site/sums/${train.sumId}/${at}`))).toBe(
        'STEP_OUT_OF_ORDER',
      );
    expect(
      await codeOf(
        await alpha.link.request('PUT', `/v1/site/sums/${train.sumId}/decryption-share`, { bytes: randomBytes(10) }),
      ),
    ).toBe('STEP_OUT_OF_ORDER');
  });

  it('that was changed in the blob store ends the round with BLOB_DAMAGED and the name of its site', async () => {
    const beta = federation.site('beta');
    const theirs = await beta.encrypted({ ...train });
    for (const [index, block] of theirs.blocks.entries()) expect(await put(index, block, beta)).toBe(204);
    expect(await commit(theirs.root, 2, beta)).toBe('taken');
    const stored = readFileSync(blobFile(1, 'beta'));
    stored[stored.length - 9]! ^= 1;
    writeFileSync(blobFile(1, 'beta'), stored);
    behaviours['gamma']!.fit = 'does';
    const run = await ended(federation.coordinator, runId);
    expect(run).toMatchObject({
      state: 'failed',
      failure: { code: 'BLOB_DAMAGED' },
      rounds: [{ state: 'failed', version: null }],
    });
    expect(run.failure!.detail).toMatch(/\bbeta\b/);
    expect(run.failure!.detail).not.toMatch(/alpha|gamma|\//);
    expect(await put(0, sent.blocks[0]!)).toBe(204);
    expect(await federation.coordinator.query('SELECT 1 FROM model_aliases')).toEqual([]);
  });
});

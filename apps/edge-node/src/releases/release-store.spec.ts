import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, PROTOCOL, releaseStatement, type Envelope, type ReleaseStatement } from '@koinon/contracts';
import { signStatement, type Signer } from '@koinon/signing';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newSigner, sha256 } from '@koinon/site-client/testing';
import { ReleaseStore } from './release-store.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const DAY_MS = 86_400_000;
const EXPIRES = Date.parse('2026-12-01T00:00:00Z');
const model = (version: number): Uint8Array => new TextEncoder().encode(`model ${version}`);

describe('releases', () => {
  let dir: TempDir;
  let coordinator: Signer;
  let store: ReleaseStore;
  let now: number;
  const blob = vi.fn<(digest: string) => Promise<Uint8Array>>(async (digest) => {
    for (let version = 0; version < 10; version++) if (sha256(model(version)) === digest) return model(version);
    throw new CodedError('NOT_FOUND');
  });
  const open = (): ReleaseStore => new ReleaseStore(dir.path, coordinator.publicKey, { blob }, 30 * DAY_MS, () => now);
  const release = (version: number, changes: Partial<ReleaseStatement> = {}, signer = coordinator): Promise<Envelope> =>
    signStatement(
      releaseStatement.type,
      {
        protocol: PROTOCOL,
        model: 'heart-disease',
        version,
        releaseCounter: version,
        sha256: sha256(model(version)),
        bytes: 7,
        issuedAt: '2026-11-01T00:00:00Z',
        expiresAt: '2026-12-01T00:00:00Z',
        ...changes,
      } satisfies ReleaseStatement,
      signer,
    );
  const install = async (version: number, changes: Partial<ReleaseStatement> = {}): Promise<void> => {
    await store.remember(await store.fetch('heart-disease', await release(version, changes)));
  };
  beforeEach(async () => {
    [dir, coordinator, now] = [tempDir(), await newSigner(), NOW];
    store = open();
    blob.mockClear();
  });
  afterEach(() => dir[Symbol.dispose]());

  it('are fetched, remembered, and there again after a restart without asking anybody', async () => {
    await install(1);
    const installed = await open().restore('heart-disease');
    expect(installed).toMatchObject({ version: 1, releaseCounter: 1, sha256: sha256(model(1)) });
    expect(readFileSync(installed!.file)).toEqual(Buffer.from(model(1)));
    expect(blob).toHaveBeenCalledTimes(1);
  });

  it('are refused before a byte is fetched: another signer, another model, expired, rolled back', async () => {
    await install(3);
    blob.mockClear();
    const refusals: [Envelope, string][] = [
      [await release(4, {}, await newSigner()), 'SIGNATURE_INVALID'],
      [await release(4, { model: 'another' }), 'SIGNATURE_INVALID'],
      [await release(4, { expiresAt: '2026-11-23T12:00:00Z' }), 'RELEASE_EXPIRED'],
      [await release(4, { expiresAt: 'never' }), 'RELEASE_EXPIRED'],
      [await release(2), 'RELEASE_ROLLED_BACK'],
      [await release(4, { releaseCounter: 3 }), 'RELEASE_ROLLED_BACK'],
      [await release(4, { releaseCounter: 1_004 }), 'RELEASE_COUNTER_JUMPED'],
      [await release(4, { releaseCounter: Number.MAX_SAFE_INTEGER }), 'REQUEST_INVALID'],
      [await release(2, { expiresAt: '2026-11-02T00:00:00Z' }), 'RELEASE_EXPIRED'],
    ];
    for (const [envelope, code] of refusals)
      await expect(store.fetch('heart-disease', envelope)).rejects.toMatchObject({ code });
    expect(blob).not.toHaveBeenCalled();
    expect(await store.restore('heart-disease')).toMatchObject({ version: 3 });
  });

  it('go back to old content only under a newer counter', async () => {
    await install(2);
    await install(1, { releaseCounter: 3 });
    expect(await store.restore('heart-disease')).toMatchObject({ version: 1, releaseCounter: 3 });
  });

  it('are resumed: the release that is installed may be fetched again, and costs no download', async () => {
    await install(2);
    blob.mockClear();
    await expect(open().fetch('heart-disease', await release(2))).resolves.toMatchObject({ version: 2 });
    expect(blob).not.toHaveBeenCalled();
  });

  it('are not remembered by fetching: one that did not load neither blocks nor replaces the one before', async () => {
    await install(1);
    await store.fetch('heart-disease', await release(2));
    expect(await open().restore('heart-disease')).toMatchObject({ version: 1 });
    expect(existsSync((await open().restore('heart-disease'))!.file)).toBe(true);
  });

  it('are fetched again when the file on disk is damaged', async () => {
    await install(1);
    const { file } = (await store.restore('heart-disease'))!;
    writeFileSync(file, 'damaged');
    await store.fetch('heart-disease', await release(1));
    expect(readFileSync(file)).toEqual(Buffer.from(model(1)));
  });

  it('leave the file of the one before only until the next is remembered', async () => {
    await install(1);
    await install(2);
    expect(readdirSync(dir.path).toSorted()).toEqual([`${sha256(model(2))}.onnx`, 'heart-disease.json'].toSorted());
  });

  it('of two models with the same bytes keep their file until the last of them moves on', async () => {
    const other = async (version: number): Promise<void> => {
      await store.remember(await store.fetch('other', await release(version, { model: 'other' })));
    };
    await install(1);
    await other(1);
    await install(2);
    expect(await open().restore('other')).toMatchObject({ version: 1 });
    await other(2);
    expect(readdirSync(dir.path).filter((name) => name.endsWith('.onnx'))).toEqual([`${sha256(model(2))}.onnx`]);
  });

  it('whose record is damaged let nothing older in', async () => {
    await install(3);
    writeFileSync(join(dir.path, 'heart-disease.json'), '{');
    await expect(store.fetch('heart-disease', await release(1))).rejects.toMatchObject({
      code: 'RELEASE_RECORD_INVALID',
    });
  });

  const record = (): string => join(dir.path, 'heart-disease.json');
  const restored = (): Promise<string> =>
    open()
      .restore('heart-disease')
      .then(
        (r) => (r === null ? 'none' : `version ${r.version}`),
        (error: { code: string }) => error.code,
      );

  it.each([0, 3, 6])(
    'are not served again when byte %i of the model file was flipped or the file is gone',
    async (index) => {
      await install(1);
      const { file } = (await store.restore('heart-disease'))!;
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.with(index, bytes[index]! ^ 1));
      expect(await restored()).toBe('RELEASE_FILE_DAMAGED');
      rmSync(file);
      expect(await restored()).toBe('RELEASE_FILE_DAMAGED');
      await install(1);
      expect(await restored()).toBe('version 1');
    },
  );

  it.each<[string, () => Promise<unknown>]>([
    ['of another model', async () => ({ release: await release(1, { model: 'another' }) })],
    ['of another signer', async () => ({ release: await release(2, {}, await newSigner()) })],
    ['without a signature', async () => ({ release: { ...(await release(2)), signatures: [] } })],
    [
      'with a signature over other bytes',
      async () => ({ release: { ...(await release(2)), payload: (await release(1)).payload } }),
    ],
    ['that says more than is signed', async () => ({ release: await release(1), version: 9 })],
    [
      'of before and of another model',
      async () => ({ model: 'another', version: 1, releaseCounter: 1, sha256: sha256(model(1)) }),
    ],
  ])('are not served after a record %s, which lets nothing in either', async (_, content) => {
    await install(1);
    for (const bytes of [model(1), model(2)]) writeFileSync(join(dir.path, `${sha256(bytes)}.onnx`), bytes);
    writeFileSync(record(), JSON.stringify(await content()));
    expect(await restored()).toBe('RELEASE_RECORD_INVALID');
    await expect(store.fetch('heart-disease', await release(3))).rejects.toMatchObject({
      code: 'RELEASE_RECORD_INVALID',
    });
  });

  it('go on past their expiry for the days that the site sets, and no day longer', async () => {
    await install(1);
    now = EXPIRES + 30 * DAY_MS - 1;
    expect(await open().restore('heart-disease')).toMatchObject({
      version: 1,
      signed: { term: { expiresAt: EXPIRES, servedUntil: EXPIRES + 30 * DAY_MS } },
    });
    now++;
    expect(await restored()).toBe('RELEASE_EXPIRED');
  });

  it('are mended while they are served, also past their expiry, and not installed anew', async () => {
    await install(1);
    now = EXPIRES;
    const { file } = (await store.restore('heart-disease'))!;
    rmSync(file);
    await install(1);
    expect(await restored()).toBe('version 1');
    await expect(store.fetch('heart-disease', await release(2))).rejects.toMatchObject({ code: 'RELEASE_EXPIRED' });
    now = EXPIRES + 30 * DAY_MS;
    await expect(store.fetch('heart-disease', await release(1))).rejects.toMatchObject({ code: 'RELEASE_EXPIRED' });
  });

  it('of a store of before serve by their digest until they are there again, signed', async () => {
    await install(1);
    writeFileSync(
      record(),
      JSON.stringify({ model: 'heart-disease', version: 1, releaseCounter: 1, sha256: sha256(model(1)) }),
    );
    blob.mockClear();
    expect(await open().restore('heart-disease')).toMatchObject({ version: 1, signed: null });
    await expect(store.fetch('heart-disease', await release(2, { releaseCounter: 1 }))).rejects.toMatchObject({
      code: 'RELEASE_ROLLED_BACK',
    });
    await install(1);
    expect(await open().restore('heart-disease')).toMatchObject({
      version: 1,
      signed: { term: { expiresAt: EXPIRES } },
    });
    expect(blob).not.toHaveBeenCalled();
    writeFileSync(
      record(),
      JSON.stringify({ model: 'heart-disease', version: 1, releaseCounter: 1, sha256: sha256(model(2)) }),
    );
    expect(await restored()).toBe('RELEASE_FILE_DAMAGED');
  });
});

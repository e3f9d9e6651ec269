import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, PROTOCOL, releaseStatement, signStatement, type Envelope, type ReleaseStatement, type Signer } from '@koinon/contracts';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newSigner, sha256 } from '../testing/hospitals.fixture.js';
import { ReleaseStore } from './release-store.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const model = (version: number): Uint8Array => new TextEncoder().encode(`model ${version}`);

describe('releases', () => {
  let dir: TempDir;
  let coordinator: Signer;
  let store: ReleaseStore;
  const blob = vi.fn<(digest: string) => Promise<Uint8Array>>(async (digest) => {
    for (let version = 0; version < 10; version++) if (sha256(model(version)) === digest) return model(version);
    throw new CodedError('NOT_FOUND');
  });
  const open = (): ReleaseStore => new ReleaseStore(dir.path, coordinator.publicKey, { blob }, () => NOW);
  const release = (version: number, changes: Partial<ReleaseStatement> = {}, signer = coordinator): Promise<Envelope> =>
    signStatement(releaseStatement.type, {
      protocol: PROTOCOL, model: 'heart-disease', version, releaseCounter: version, sha256: sha256(model(version)), bytes: 7,
      issuedAt: '2026-11-01T00:00:00Z', expiresAt: '2026-12-01T00:00:00Z', ...changes,
    } satisfies ReleaseStatement, signer);
  const install = async (version: number, changes: Partial<ReleaseStatement> = {}): Promise<void> => {
    store.remember(await store.fetch('heart-disease', await release(version, changes)));
  };
  beforeEach(async () => {
    [dir, coordinator] = [tempDir(), await newSigner()];
    store = open();
    blob.mockClear();
  });
  afterEach(() => dir[Symbol.dispose]());

  it('are fetched, remembered, and there again after a restart without asking anybody', async () => {
    await install(1);
    const installed = open().installed('heart-disease');
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
      [await release(2, { expiresAt: '2026-11-02T00:00:00Z' }), 'RELEASE_EXPIRED'],
    ];
    for (const [envelope, code] of refusals) await expect(store.fetch('heart-disease', envelope)).rejects.toMatchObject({ code });
    expect(blob).not.toHaveBeenCalled();
    expect(store.installed('heart-disease')).toMatchObject({ version: 3 });
  });

  it('go back to old content only under a newer counter', async () => {
    await install(2);
    await install(1, { releaseCounter: 3 });
    expect(store.installed('heart-disease')).toMatchObject({ version: 1, releaseCounter: 3 });
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
    expect(open().installed('heart-disease')).toMatchObject({ version: 1 });
    expect(existsSync(open().installed('heart-disease')!.file)).toBe(true);
  });

  it('are fetched again when the file on disk is damaged', async () => {
    await install(1);
    const { file } = store.installed('heart-disease')!;
    writeFileSync(file, 'damaged');
    await store.fetch('heart-disease', await release(1));
    expect(readFileSync(file)).toEqual(Buffer.from(model(1)));
  });

  it('leave the file of the one before only until the next is remembered', async () => {
    await install(1);
    await install(2);
    expect(readdirSync(dir.path).toSorted()).toEqual([`${sha256(model(2))}.onnx`, 'heart-disease.json'].toSorted());
  });

  it('whose record is damaged let nothing older in', async () => {
    await install(3);
    writeFileSync(join(dir.path, 'heart-disease.json'), '{');
    await expect(store.fetch('heart-disease', await release(1))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

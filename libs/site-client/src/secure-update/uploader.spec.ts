import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, uploadStatement } from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import { schemes } from '@koinon/he';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, OTHER_SUM, SUM } from '../testing/hospitals.js';
import { KeyEpochStore } from './key-epoch-store.js';
import { ControlStore } from './control-store.js';
import { forgetAllBut } from './forget.js';
import { DecryptionShareStore } from './decryption-share-store.js';
import { UploadStore } from './upload-store.js';
import { Uploader } from './uploader.js';

/** More than one block in either scheme. */
const values = (seed: number): Uint32Array => Uint32Array.from({ length: 20_000 }, (_, i) => (seed * 31 + i) % 65536);

describe.each(schemes.names)('an upload under %s', (scheme) => {
  it('goes out with the same bytes after every broken connection and restart', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme);
    const { relay } = hospitals;
    await hospitals.site('basel').uploader.encrypt(KEY_EPOCH, SUM, 0, values(1));
    const sent = new Map<string, number>();
    relay.onSend = (what) => {
      sent.set(what, (sent.get(what) ?? 0) + 1);
      if (sent.get(what) === 1) throw new CodedError('COORDINATOR_UNREACHABLE');
    };
    const { blocks, root } = hospitals.site('basel').uploader.made(KEY_EPOCH, SUM)!;
    expect(blocks).toBeGreaterThan(1);
    for (let i = 0; i <= blocks; i++) {
      const { uploader } = await hospitals.restart('basel');
      await expect(uploader.send(KEY_EPOCH, SUM)).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
    }
    await (await hospitals.restart('basel')).uploader.send(KEY_EPOCH, SUM);
    // Lost once and taken once: a block that the coordinator has is not sent again.
    expect([...sent.values()]).toEqual(Array.from({ length: blocks + 1 }, () => 2));
    const [commit] = relay.commits;
    const statement = await verifyStatement(
      commit!.envelope,
      uploadStatement.type,
      uploadStatement.schema,
      hospitals.site('basel').entry.identityKey,
    );
    expect(statement).toMatchObject({ sumId: SUM, site: 'basel', blocks, root });
  });

  it('asks what of it is there only where it may have been sent before', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme);
    await hospitals.upload('basel', SUM, 0, values(1));
    expect(hospitals.relay.asked).toEqual([]);
    await hospitals.upload('basel', SUM, 0, values(1));
    await (await hospitals.restart('basel')).uploader.send(KEY_EPOCH, SUM);
    expect(hospitals.relay.asked).toEqual(['blocks', 'blocks']);
  });

  it('spends its sum index on disk: no other sum is ever encrypted for it', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme);
    await hospitals.upload('basel', SUM, 0, values(1));
    const before = hospitals.relay.uploadsOf(OTHER_SUM).size;
    const { uploader } = await hospitals.restart('basel');
    await expect(uploader.encrypt(KEY_EPOCH, OTHER_SUM, 0, values(2))).rejects.toMatchObject({
      code: 'SUM_ALREADY_ENCRYPTED',
    });
    await expect(uploader.encrypt(KEY_EPOCH, SUM, 0, values(2))).rejects.toMatchObject({
      code: 'SUM_ALREADY_ENCRYPTED',
    });
    expect(hospitals.relay.uploadsOf(OTHER_SUM).size).toBe(before);
    await uploader.encrypt(KEY_EPOCH, OTHER_SUM, 1, values(2));
    expect(uploader.made(KEY_EPOCH, OTHER_SUM)).toMatchObject({ sumIndex: 1 });
  });
});

describe.each(schemes.names)('while an upload is encrypted under %s', (scheme) => {
  /** Basel before it encrypts, with the stores that its lanes share. */
  const basel = async (folder: string) => {
    const hospitals = await Hospitals.ready(folder, scheme);
    const at = (name: string): string => join(folder, 'basel', name);
    const stores = {
      keyEpochs: new KeyEpochStore(at('epochs'), 'basel'),
      uploads: new UploadStore(at('uploads')),
      shares: new DecryptionShareStore(at('shares')),
      controls: new ControlStore(at('controls')),
    };
    const { keys } = hospitals.site('basel');
    const uploader = new Uploader('basel', keys, hospitals.relay.linkOf('basel'), stores.keyEpochs, stores.uploads);
    return { hospitals, at, stores, uploader };
  };
  const lost = { code: 'SITE_STATE_LOST' };

  it('other work goes on, and forgetting what is over leaves its blocks alone', async () => {
    using dir = tempDir();
    const { stores, uploader } = await basel(dir.path);
    const encrypting = uploader.encrypt(KEY_EPOCH, SUM, 0, values(1));
    let between = 0;
    for (; !uploader.made(KEY_EPOCH, SUM); between++) {
      await new Promise(setImmediate);
      forgetAllBut({ keyEpochs: [KEY_EPOCH], runs: [] }, stores);
    }
    await encrypting;
    expect(between).toBeGreaterThan(1);
    await uploader.send(KEY_EPOCH, SUM);
  });

  it('its epoch may be over: then nothing of either stays, and the epoch does not come back', async () => {
    using dir = tempDir();
    const { at, stores, uploader } = await basel(dir.path);
    const encrypting = uploader.encrypt(KEY_EPOCH, SUM, 0, values(1));
    const ended = encrypting.catch((error: unknown) => error);
    while (!existsSync(at(`uploads/${SUM}`))) await new Promise(setImmediate);
    forgetAllBut({ keyEpochs: [], runs: [] }, stores);
    expect(await ended).toMatchObject(lost);
    expect(readdirSync(at('epochs'))).toEqual([`${KEY_EPOCH}.over`]);
    expect(readdirSync(at('uploads'))).toEqual([]);
    expect(() => stores.keyEpochs.ceremony(KEY_EPOCH)).toThrow(expect.objectContaining(lost));
  });

  it('the share of another sum of its epoch forgets no index that was spent meanwhile, and the other way round', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme, { sums: 3 });
    const { roster } = hospitals.relay.header;
    for (const site of roster) await hospitals.upload(site, SUM, 0, values(1));
    const commitment = await hospitals.freeze(SUM, 0, roster);
    const [third, fourth] = [randomUUID(), randomUUID()];
    const { decryptor, uploader } = hospitals.site('basel');
    await Promise.all([
      decryptor.take(commitment),
      uploader.encrypt(KEY_EPOCH, OTHER_SUM, 1, values(2)),
      uploader.encrypt(KEY_EPOCH, third, 2, values(3)),
    ]);
    for (const sumIndex of [0, 1, 2])
      await expect(uploader.encrypt(KEY_EPOCH, fourth, sumIndex, values(4))).rejects.toMatchObject({
        code: 'SUM_ALREADY_ENCRYPTED',
      });
    const { epoch } = await hospitals.site('basel').epochs.restore(KEY_EPOCH);
    using restored = epoch;
    const again = {
      sumIndex: 0,
      uploaders: roster,
      decryptors: roster.slice(0, 2),
      blocks: hospitals.relay.sums.get(SUM)!,
    };
    expect(() => restored.decryptionShare(again)).toThrow(
      expect.objectContaining({ code: 'DECRYPTION_SHARE_ALREADY_MADE' }),
    );
  });
});

describe('stored uploads', () => {
  it('are kept while a sum may still be opened, also when the next one is made', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    await hospitals.upload('basel', SUM, 0, values(1));
    await hospitals.upload('basel', OTHER_SUM, 1, values(2));
    expect(readdirSync(join(dir.path, 'basel', 'uploads')).toSorted()).toEqual([SUM, OTHER_SUM]);
    expect(hospitals.site('basel').uploader.made(KEY_EPOCH, SUM)).toMatchObject({ sumId: SUM, sumIndex: 0 });
  });

  it('are lost with their epoch', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    const uploads = join(dir.path, 'basel', 'uploads');
    await hospitals.upload('basel', SUM, 0, values(1));
    writeFileSync(join(uploads, 'of-an-epoch-that-is-gone'), '');
    await hospitals.upload('basel', OTHER_SUM, 1, values(2));
    expect(readdirSync(uploads).toSorted()).toEqual([SUM, OTHER_SUM]);
  });

  it.each<[string, (uploads: UploadStore) => unknown]>([
    ['are made again', (uploads) => uploads.save(SUM, [Uint8Array.of(1)], () => undefined)],
    ['are dropped', (uploads) => uploads.keepOnly([])],
  ])('are overwritten where they lay when they %s', async (_, drop) => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    await hospitals.upload('basel', SUM, 0, values(1));
    // A second name of the same blocks shows what is in them.
    const [block, blocks] = [join(dir.path, 'basel', 'uploads', SUM, '0.block'), join(dir.path, 'blocks')];
    linkSync(block, blocks);
    await drop(new UploadStore(join(dir.path, 'basel', 'uploads')));
    expect(readFileSync(blocks).every((byte) => byte === 0)).toBe(true);
  });

  it('and shares outlast an epoch that cannot be read for the moment', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    await hospitals.upload('basel', SUM, 0, values(1));
    const at = (name: string): string => join(dir.path, 'basel', name);
    const epoch = join(at('epochs'), `${KEY_EPOCH}.epoch`);
    const uploads = new UploadStore(at('uploads'));
    const stores = {
      keyEpochs: new KeyEpochStore(at('epochs'), 'basel'),
      uploads,
      shares: new DecryptionShareStore(at('shares')),
      controls: new ControlStore(at('controls')),
    };
    renameSync(epoch, `${epoch} away`);
    // A folder in its place: reading it fails, as a disk does, and says nothing of what it holds.
    mkdirSync(epoch);
    expect(() => forgetAllBut({ keyEpochs: [KEY_EPOCH], runs: [] }, stores)).toThrow('EISDIR');
    expect(uploads.load(SUM, 1)).toHaveLength(1);
  });

  it('are not sent when a block is gone or damaged', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    const block = join(dir.path, 'basel', 'uploads', SUM, '1.block');
    const { uploader } = hospitals.site('basel');
    await uploader.encrypt(KEY_EPOCH, SUM, 0, values(1));
    writeFileSync(block, 'damaged');
    await expect(uploader.send(KEY_EPOCH, SUM)).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
    rmSync(block);
    await expect(uploader.send(KEY_EPOCH, SUM)).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
    await expect(uploader.send(KEY_EPOCH, OTHER_SUM)).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
    expect(hospitals.relay.uploadsOf(SUM).size).toBe(0);
  });
});

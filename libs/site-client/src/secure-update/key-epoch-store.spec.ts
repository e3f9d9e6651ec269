import { randomUUID } from 'node:crypto';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals } from '../testing/hospitals.js';
import { KeyEpochStore } from './key-epoch-store.js';

describe('the stored state of an epoch', () => {
  it('holds the keys of the roster as the ceremony checked them', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    const { header, roster, epoch } = await (await hospitals.restart('basel')).epochs.restore(KEY_EPOCH);
    using open = epoch;
    expect(roster).toEqual(hospitals.roster);
    expect(header).toEqual(hospitals.relay.header);
    expect(open).toBeDefined();
  });

  it('is readable by this node alone, and forgets what a killed writer left', async () => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    const folder = join(dir.path, 'basel', 'epochs');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, `${KEY_EPOCH}.epoch`)).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, `${KEY_EPOCH}.epoch.${randomUUID()}.new`), 'secrets of a killed process');
    void new KeyEpochStore(folder, 'basel');
    expect(readdirSync(folder)).toEqual([`${KEY_EPOCH}.epoch`]);
  });

  it('is gone when four newer epochs have come', async () => {
    using dir = tempDir();
    const ids = Array.from({ length: 5 }, (_, i) => `00000000-0000-4000-8000-0000000000a${i}`);
    const folder = join(dir.path, 'basel', 'epochs');
    for (const [i, keyEpochId] of ids.entries()) {
      const hospitals = await Hospitals.start(dir.path, 'one-time-key', { keyEpochId });
      await hospitals.site('basel').ceremony.take(hospitals.ceremony('deal'));
      utimesSync(join(folder, `${keyEpochId}.epoch`), i, i);
    }
    expect(readdirSync(folder).toSorted()).toEqual([`${ids[0]}.over`, ...ids.slice(1).map((id) => `${id}.epoch`)]);
    await expect(new KeyEpochStore(folder, 'basel').restore(ids[0]!)).rejects.toMatchObject({
      code: 'SITE_STATE_LOST',
    });
  });

  it.each([0, 3, 40, 2000])('is lost, not guessed, when %i bytes of it are left', async (length) => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    const folder = join(dir.path, 'basel', 'epochs');
    writeFileSync(join(folder, `${KEY_EPOCH}.epoch`), Buffer.alloc(length, 1));
    const store = new KeyEpochStore(folder, 'basel');
    await expect(store.restore(KEY_EPOCH)).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
    expect(store.sumIds()).toEqual([]);
  });

  it('of one site is of no use to another', async () => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    await expect(
      new KeyEpochStore(join(dir.path, 'basel', 'epochs'), 'hungary').restore(KEY_EPOCH),
    ).rejects.toMatchObject({
      code: 'STATE_INVALID',
    });
  });
});

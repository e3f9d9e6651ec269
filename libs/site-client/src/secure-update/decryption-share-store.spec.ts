import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it, vi } from 'vitest';
import { OTHER_SUM, SUM } from '../testing/hospitals.js';
import { DecryptionShareStore } from './decryption-share-store.js';

const commitment = new TextEncoder().encode('freezing');
const another = new TextEncoder().encode('another list');
const making = () => vi.fn<() => Uint8Array>(() => new Uint8Array(randomBytes(64)));
const refused = expect.objectContaining({ code: 'SHARE_REFUSED' });

describe('the share of a sum', () => {
  it('is made once and sent again unchanged, also after a restart', () => {
    using dir = tempDir();
    const make = making();
    const first = new DecryptionShareStore(dir.path).once(SUM, commitment, make);
    expect(new DecryptionShareStore(dir.path).once(SUM, commitment, make)).toEqual(first);
    expect(make).toHaveBeenCalledTimes(1);
  });

  it('is refused for a second commitment of the same sum', () => {
    using dir = tempDir();
    const store = new DecryptionShareStore(dir.path);
    const make = making();
    const first = store.once(SUM, commitment, make);
    expect(() => store.once(SUM, another, make)).toThrow(refused);
    expect(() => new DecryptionShareStore(dir.path).once(SUM, another, make)).toThrow(refused);
    expect(make).toHaveBeenCalledTimes(1);
    expect(store.once(SUM, commitment, make)).toEqual(first);
  });

  it('is not made again after making it failed', () => {
    using dir = tempDir();
    const store = new DecryptionShareStore(dir.path);
    expect(() =>
      store.once(SUM, commitment, () => {
        throw new Error('in the middle');
      }),
    ).toThrow('in the middle');
    const make = making();
    expect(() => store.once(SUM, commitment, make)).toThrow(refused);
    expect(make).not.toHaveBeenCalled();
  });

  it('of one sum says nothing about another', () => {
    using dir = tempDir();
    const store = new DecryptionShareStore(dir.path);
    const make = making();
    expect(store.once(SUM, commitment, make)).not.toEqual(store.once(OTHER_SUM, commitment, make));
    expect(make).toHaveBeenCalledTimes(2);
  });

  it('is readable by this node alone, and what a killed writer left of one is deleted', () => {
    using dir = tempDir();
    new DecryptionShareStore(dir.path).once(SUM, commitment, making());
    for (const name of readdirSync(dir.path)) expect(statSync(join(dir.path, name)).mode & 0o777).toBe(0o600);
    writeFileSync(join(dir.path, `${OTHER_SUM}.share.${randomUUID()}.new`), 'half a share');
    const before = readdirSync(dir.path).length;
    void new DecryptionShareStore(dir.path);
    expect(readdirSync(dir.path)).toHaveLength(before - 1);
  });

  it('is dropped when it is old, but its intent never: it still cannot be made again', () => {
    using dir = tempDir();
    const store = new DecryptionShareStore(dir.path);
    const make = making();
    const ids = Array.from({ length: 12 }, (_, i) => `sum-${i}`);
    for (const [i, id] of ids.entries()) {
      const share = store.once(id, commitment, make);
      expect(share).toHaveLength(64);
      utimesSync(join(dir.path, `${id}.share`), i, i);
    }
    expect(readdirSync(dir.path).filter((name) => name.endsWith('.share')).length).toBeLessThan(12);
    expect(() => store.once(ids[0]!, commitment, make)).toThrow(refused);
    expect(make).toHaveBeenCalledTimes(12);
    expect(store.once(ids[11]!, commitment, make)).toHaveLength(64);
  });
});

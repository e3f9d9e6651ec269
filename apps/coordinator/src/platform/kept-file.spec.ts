import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { keptFile } from './kept-file.js';
import { loadCoordinatorKey } from './coordinator-key.js';

describe('a file that is made once', () => {
  it('is the same for all who start together, whole, and for its owner alone', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'x');
    let made = 0;
    const texts = await Promise.all(Array.from({ length: 8 }, () => keptFile(path, async () => `text ${made++}`)));
    expect(new Set(texts).size).toBe(1);
    expect(await keptFile(path, () => Promise.reject(new Error('made twice')))).toBe(texts[0]);
    expect(readdirSync(dir.path)).toEqual(['x']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('says that its folder is gone with a code', async () => {
    using dir = tempDir();
    await expect(keptFile(join(dir.path, 'no', 'x'), async () => 'x')).rejects.toMatchObject({ name: 'CodedError' });
  });
});

describe('the signing key of a coordinator', () => {
  it('stays the same, and is refused with a code when its file is damaged anywhere', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'signing-key.json');
    const { publicKey } = await loadCoordinatorKey(dir.path);
    expect((await loadCoordinatorKey(dir.path)).publicKey).toBe(publicKey);
    const whole = readFileSync(path, 'utf8');
    const key = JSON.parse(whole) as { publicKey: string; pkcs8: string };
    using other = tempDir();
    await loadCoordinatorKey(other.path);
    const foreign = JSON.parse(readFileSync(join(other.path, 'signing-key.json'), 'utf8')) as typeof key;
    for (const text of [
      '',
      whole.slice(0, -5),
      'null',
      '{}',
      JSON.stringify({ ...key, pkcs8: foreign.pkcs8 }),
      JSON.stringify({ ...key, pkcs8: key.pkcs8.slice(4) }),
      JSON.stringify({ ...key, publicKey: 'AA==' }),
    ]) {
      writeFileSync(path, text);
      await expect(loadCoordinatorKey(dir.path)).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});

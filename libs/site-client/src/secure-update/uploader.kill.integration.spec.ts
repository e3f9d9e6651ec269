import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { runKilled, tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, SUM } from '../testing/hospitals.js';

const dist = new URL('../../dist/', import.meta.url);
const first = Uint32Array.from({ length: 5 }, (_, i) => i);
/** Training again after a crash draws new noise: another vector for the same sum. */
const again = Uint32Array.from({ length: 5 }, (_, i) => 100 + i);

const SCRIPT = `
  const { KeyEpochStore } = await import(dist + 'secure-update/key-epoch-store.js');
  const { UploadStore } = await import(dist + 'secure-update/upload-store.js');
  const { Uploader } = await import(dist + 'secure-update/uploader.js');
  const [folder, site, keyEpochId, sumId] = args;
  const uploader = new Uploader(site, {}, {}, new KeyEpochStore(folder + '/epochs', site), new UploadStore(folder + '/uploads'));
  armKill();
  await uploader.encrypt(keyEpochId, sumId, 0, Uint32Array.from({ length: 5 }, (_, i) => i));
`;

describe('a site killed while it encrypts with a one-time key', () => {
  it('at every third disk operation, sends one vector only, and the sum still opens', async () => {
    using dir = tempDir();
    const start = join(dir.path, 'start');
    await Hospitals.ready(start, 'one-time-key');
    const endings = new Set<string>();
    for (let point = 1, killed = true; killed; point += 3) {
      const folder = join(dir.path, String(point));
      cpSync(start, folder, { recursive: true });
      ({ killed } = runKilled(dist, SCRIPT, point, [join(folder, 'basel'), 'basel', KEY_EPOCH, SUM]));
      const hospitals = await Hospitals.start(folder, 'one-time-key');
      const stored = hospitals.site('basel').uploader.made(KEY_EPOCH, SUM) !== null;
      const ending = `${killed ? 'killed' : 'lived'}, ${stored ? 'stored' : 'to be made again'}`;
      await hospitals.upload('basel', SUM, 0, again);
      expect(hospitals.site('basel').uploader.made(KEY_EPOCH, SUM), `killed at ${point}`).not.toBeNull();
      if (endings.has(ending)) continue;
      endings.add(ending);
      await hospitals.upload('cleveland', SUM, 0, again);
      const commitment = await hospitals.freeze(SUM, 0, ['basel', 'cleveland']);
      for (const site of ['basel', 'cleveland']) await hospitals.site(site).decryptor.take(commitment);
      const sums = await hospitals.decrypt(SUM, 0, ['basel', 'cleveland'], ['basel', 'cleveland']);
      expect(sums.slice(0, 5), `killed at ${point}`).toEqual(
        [...again].map((v, i) => v + (stored ? first : again)[i]!),
      );
    }
    expect(endings).toEqual(new Set(['killed, to be made again', 'killed, stored', 'lived, stored']));
  }, 120_000);
});

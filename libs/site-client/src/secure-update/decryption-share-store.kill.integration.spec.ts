import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { runKilled, tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { SUM } from '../testing/hospitals.js';
import { DecryptionShareStore } from './decryption-share-store.js';

const dist = new URL('../../dist/', import.meta.url);
/** Makes a share of fresh randomness, notes its digest, and prints it: what is printed has left the site. */
const SCRIPT = `
  import { appendFileSync } from 'node:fs';
  import { createHash, randomBytes } from 'node:crypto';
  const { DecryptionShareStore } = await import(dist + 'secure-update/decryption-share-store.js');
  const [folder, sumId, commitment] = args;
  const store = new DecryptionShareStore(folder);
  const make = () => {
    const share = new Uint8Array(randomBytes(4096));
    appendFileSync(folder + '.made', createHash('sha256').update(share).digest('hex') + ' ');
    return share;
  };
  armKill();
  try { process.stdout.write(Buffer.from(store.once(sumId, Buffer.from(commitment), make)).toString('hex')); }
  catch (error) { if (error.code !== 'SHARE_REFUSED') throw error; }
`;

const digestOf = (share: Uint8Array): string => createHash('sha256').update(share).digest('hex');

class Site {
  readonly sent: string[] = [];

  constructor(private readonly folder: string) {}

  /** One life of the process. */
  killedAt(point: number, commitment: string): boolean {
    const { output, killed } = runKilled(dist, SCRIPT, point, [this.folder, SUM, commitment]);
    if (output !== '') this.sent.push(output);
    return killed;
  }

  /** The next life, which nobody ends. */
  asked(commitment: string): 'sent' | 'refused' {
    const make = () => {
      const share = new Uint8Array(randomBytes(4096));
      appendFileSync(`${this.folder}.made`, `${digestOf(share)} `);
      return share;
    };
    try {
      this.sent.push(
        Buffer.from(new DecryptionShareStore(this.folder).once(SUM, Buffer.from(commitment), make)).toString('hex'),
      );
      return 'sent';
    } catch (error) {
      if ((error as { code?: string }).code !== 'SHARE_REFUSED') throw error;
      return 'refused';
    }
  }

  /** Digests of the shares it made. */
  get made(): string[] {
    return existsSync(`${this.folder}.made`) ? readFileSync(`${this.folder}.made`, 'utf8').trimEnd().split(' ') : [];
  }

  /** Digests of what it sent and is not the first share it made, whole. */
  get sentElse(): string[] {
    return this.sent.map((share) => digestOf(Buffer.from(share, 'hex'))).filter((digest) => digest !== this.made[0]);
  }
}

/** Park and Miller's generator: the points are many, and the same in every run. */
function* seeded(seed: number, below: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 48271) % 2147483647;
    yield 1 + (state % below);
  }
}

describe('a site killed while it makes its share', () => {
  it('at any one of the disk operations, never makes a second one and sends none but the one it made', () => {
    const endings = new Map<string, number>();
    for (let point = 1, killed = true; killed; point++) {
      using dir = tempDir();
      const site = new Site(join(dir.path, 'shares'));
      killed = site.killedAt(point, 'commitment');
      const madeBefore = site.made.length;
      const ending = `${killed ? 'killed' : 'lived'}, made ${madeBefore}, then ${site.asked('commitment')}`;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
      expect(site.asked('another commitment'), `killed at ${point}`).toBe('refused');
      expect(site.made.length, `killed at ${point}`).toBeLessThanOrEqual(1);
      expect(site.sentElse, `killed at ${point}`).toEqual([]);
    }
    // Before the intent; after it; between making and storing; after storing; not at all.
    expect([...endings.keys()]).toEqual([
      'killed, made 0, then sent',
      'killed, made 0, then refused',
      'killed, made 1, then refused',
      'killed, made 1, then sent',
      'lived, made 1, then sent',
    ]);
  }, 120_000);

  it('and killed again and again, asked for two aggregations in turn, sends at most one', () => {
    const points = seeded(7, 22);
    for (let round = 0; round < 4; round++) {
      using dir = tempDir();
      const site = new Site(join(dir.path, 'shares'));
      for (const commitment of ['commitment', 'another commitment']) site.killedAt(points.next().value, commitment);
      for (const commitment of ['commitment', 'another commitment', 'commitment']) site.asked(commitment);
      expect(site.made.length, `round ${round}`).toBeLessThanOrEqual(1);
      expect(site.sentElse, `round ${round}`).toEqual([]);
    }
  });
});

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AggregationCommitment } from '@koinon/contracts';
import { HeError, schemes, type KeyEpochHeader, type SumToDecrypt } from '@koinon/he';
import { updateLength } from '@koinon/secure-tasks';
import { withDatabase } from '@koinon/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { sentIn } from '../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../testing/federation.fixture.js';
import type { SentSum } from '../testing/recordless-site.fixture.js';
import { tinyModel, tinySpec } from '../testing/tiny-federation.fixture.js';

const FEATURES = 500;
const WINDOW = 8;
/** One polynomial: 8192 coefficients modulo two primes, eight bytes each. */
const RESIDUE_BYTES = 8192 * 2 * 8;

/** The ways eight neighbouring bytes of a vector may look when somebody forgot to encrypt it. */
function plainForms(values: Uint32Array, real: Float32Array): Buffer[] {
  const words = (size: 2 | 4 | 8, little: boolean) => {
    const buffer = Buffer.alloc(values.length * size);
    values.forEach((value, i) => {
      if (size === 2) buffer[little ? 'writeUInt16LE' : 'writeUInt16BE'](value & 0xffff, 2 * i);
      else if (size === 4) buffer[little ? 'writeUInt32LE' : 'writeUInt32BE'](value, 4 * i);
      else buffer[little ? 'writeBigUInt64LE' : 'writeBigUInt64BE'](BigInt(value), 8 * i);
    });
    return buffer;
  };
  const packed = Buffer.alloc(values.length * 4);
  for (let i = 0; i + 1 < values.length; i += 2)
    packed.writeBigUInt64LE(BigInt(values[i]!) + (BigInt(values[i + 1]!) << 24n), 4 * i);
  return [
    words(2, true),
    words(2, false),
    words(4, true),
    words(4, false),
    words(8, true),
    packed,
    Buffer.from(real.slice().buffer),
  ];
}

/** Finds the first place where eight neighbouring bytes of `plain` occur. */
function searchFor(plain: readonly Buffer[]): (bytes: Uint8Array) => string | null {
  const windows = new Set<bigint>();
  // Few windows begin with any given three bytes, so that most places need no look into the set.
  const begins = new Uint8Array(2 ** 24);
  for (const form of plain) {
    for (let i = 0; i + WINDOW <= form.length; i++) {
      // Runs of zeros are in every file and say nothing.
      if (form.subarray(i, i + WINDOW).filter((b) => b !== 0).length < 2) continue;
      windows.add(form.readBigUInt64LE(i));
      begins[form.readUIntLE(i, 3)] = 1;
    }
  }
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i + WINDOW <= buffer.length; i++) {
      if (
        begins[buffer[i]! | (buffer[i + 1]! << 8) | (buffer[i + 2]! << 16)] === 1 &&
        windows.has(buffer.readBigUInt64LE(i))
      )
        return `at byte ${i}`;
    }
    return null;
  };
}

describe('what a run leaves on the wire and in the blob store', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  const files = new Map<string, Buffer>();
  let updates: SentSum[] = [];
  let header: KeyEpochHeader;
  let toDecrypt: SumToDecrypt;
  let shares: Map<string, Uint8Array>;

  beforeAll(async () => {
    const { id } = await startRun(federation.coordinator, tinySpec(), tinyModel(FEATURES));
    for (const site of federation.sites) site.work();
    await ended(federation.coordinator, id);
    updates = federation.sites.map((site) => sentIn(site, 1));
    const root = join(federation.coordinator.home, 'blobs');
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }))
      if (statSync(join(root, name)).isFile()) files.set(name, readFileSync(join(root, name)));
    const [sum] = await federation.coordinator.query<{
      id: string;
      header: KeyEpochHeader;
      uploads: AggregationCommitment['uploads'];
      decryptors: string[];
    }>(
      "SELECT s.id, e.header, s.uploads, s.decryptors FROM sums s JOIN key_epochs e ON e.id = s.key_epoch_id WHERE task = 'fit'",
    );
    header = sum!.header;
    const stored = (name: string) => new Uint8Array(files.get(`sums/${sum!.id}/${name}`)!);
    toDecrypt = {
      sumIndex: 0,
      uploaders: sum!.uploads.map((u) => u.site),
      decryptors: sum!.decryptors,
      blocks: [stored('sum/0')],
    };
    shares = new Map(sum!.decryptors.map((site) => [site, stored(`shares/${site}`)]));
  });

  /** What somebody with these shares reads of these blocks, or the code with which they do not open. */
  async function open(with_: ReadonlyMap<string, Uint8Array>, blocks = toDecrypt.blocks): Promise<number[] | string> {
    try {
      const [sums] = (await schemes.named(header.scheme).aggregator()).combine(header, { ...toDecrypt, blocks }, with_);
      return Array.from(sums!.subarray(0, updateLength(FEATURES + 1)));
    } catch (error) {
      if (error instanceof HeError) return error.code;
      throw error;
    }
  }
  const truth = () => [...updates[0]!.quantised].map((_, i) => updates.reduce((sum, u) => sum + u.quantised[i]!, 0));

  it('holds uploads of every site, a sum and its shares: there is something to look at', () => {
    expect(files.size).toBeGreaterThan(3 * 2 + 2 + 2 * 2);
    expect(federation.sites.every((site) => site.link.puts.length >= 2)).toBe(true);
    expect(updates.every((u) => u.quantised.length === FEATURES + 2 && new Set(u.quantised).size > FEATURES / 2)).toBe(
      true,
    );
  });

  it('holds no eight bytes of any site’s update, in no common form', () => {
    const search = searchFor(updates.flatMap(({ quantised, delta }) => plainForms(quantised, delta)));
    for (const [name, bytes] of files) expect({ name, found: search(bytes) }).toEqual({ name, found: null });
    for (const site of federation.sites)
      for (const { path, bytes } of site.link.puts)
        expect({ path, found: search(bytes) }).toEqual({ path, found: null });
  });

  it('would have been noticed: the same search finds plain bytes in the middle of an upload', () => {
    const upload = federation.sites[0]!.link.puts.find(({ path }) => path.includes('/blocks/'))!.bytes;
    const forms = updates.flatMap(({ quantised, delta }) => plainForms(quantised, delta));
    const search = searchFor(forms);
    for (const form of forms) {
      const leaking = upload.slice();
      leaking.set(form.subarray(40, 56), 100_001);
      expect(search(leaking)).not.toBeNull();
    }
  });

  it('opens to the exact sum with t shares', async () => {
    expect(await open(shares)).toEqual(truth());
  });

  it('does not open with t − 1 shares, whatever stands in for the missing one', async () => {
    for (const missing of shares.keys()) {
      const others = new Map([...shares].filter(([site]) => site !== missing));
      expect(await open(others)).toBe('DECRYPTION_SHARE_MISSING');
      expect(await open(new Map(others).set(missing, [...others.values()][0]!))).toBe('DECRYPTION_SHARE_MALFORMED');
      // Nothing (a share of zeros behind its label), which is what t − 1 shares alone come to.
      const nothing = shares.get(missing)!.slice();
      nothing.fill(0, nothing.length - RESIDUE_BYTES);
      expect(await open(new Map(others).set(missing, nothing))).toBe('COMBINE_FAILED');
    }
  });

  it('does not open a single upload with the shares of the sum', async () => {
    const [name] = [...files.keys()].filter((f) => f.includes('/uploads/alpha/'));
    const upload = new Uint8Array(files.get(name!)!);
    // An upload has its own label in front; with the sum's, only the arithmetic is left to stop it.
    const [sum] = [...toDecrypt.blocks];
    const relabelled = sum!.slice();
    relabelled.set(upload.subarray(-2 * RESIDUE_BYTES), sum!.length - 2 * RESIDUE_BYTES);
    expect(await open(shares, [upload])).toBe('BLOCK_MALFORMED');
    expect(await open(shares, [relabelled])).toBe('COMBINE_FAILED');
  });
});

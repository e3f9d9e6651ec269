import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { updateLength, type ClosingStatement } from '@koinon/contracts';
import { HeError, sumScheme, type EpochHeader, type SumToOpen } from '@koinon/he';
import { withDatabase } from '@koinon/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { sentIn } from '../testing/fed-avg-check.js';
import { ended, startRun, withFederation } from '../testing/federation.js';
import type { SentSum } from '../testing/simulated-site.js';
import { tinyModel, tinySpec } from '../testing/tiny-federation.js';

const FEATURES = 500;
const WINDOW = 8;

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
  for (let i = 0; i + 1 < values.length; i += 2) packed.writeBigUInt64LE(BigInt(values[i]!) + (BigInt(values[i + 1]!) << 24n), 4 * i);
  return [words(2, true), words(2, false), words(4, true), words(4, false), words(8, true), packed, Buffer.from(real.slice().buffer)];
}

/** The first place where eight bytes of `plain` occur in `bytes`. */
function foundIn(bytes: Uint8Array, plain: readonly Buffer[]): string | null {
  const windows = new Set<bigint>();
  for (const form of plain) {
    for (let i = 0; i + WINDOW <= form.length; i++) {
      const window = form.readBigUInt64LE(i);
      // Runs of zeros are in every file and say nothing.
      if (form.subarray(i, i + WINDOW).filter((b) => b !== 0).length >= 3) windows.add(window);
    }
  }
  const buffer = Buffer.from(bytes);
  for (let i = 0; i + WINDOW <= buffer.length; i++) if (windows.has(buffer.readBigUInt64LE(i))) return `at byte ${i}`;
  return null;
}

describe('what a run leaves on the wire and in the blob store', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  const files = new Map<string, Buffer>();
  let updates: SentSum[] = [];
  let header: EpochHeader;
  let toOpen: SumToOpen;
  let shares: Map<string, Uint8Array>;

  beforeAll(async () => {
    const { id } = await startRun(federation.coordinator, tinySpec(), tinyModel(FEATURES));
    for (const site of federation.sites) site.work();
    expect(await ended(federation.coordinator, id)).toMatchObject({ state: 'done' });
    updates = federation.sites.map((site) => sentIn(site, 1));
    const root = join(federation.coordinator.home, 'blobs');
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) if (statSync(join(root, name)).isFile()) files.set(name, readFileSync(join(root, name)));
    const [sum] = await federation.coordinator.query<{ id: string; header: EpochHeader; uploads: ClosingStatement['uploads']; active_set: string[] }>(
      "SELECT s.id, e.header, s.uploads, s.active_set FROM sums s JOIN epochs e ON e.id = s.epoch_id WHERE purpose = 'update'");
    header = sum!.header;
    const stored = (name: string) => new Uint8Array(files.get(`sums/${sum!.id}/${name}`)!);
    toOpen = { sumIndex: 0, uploads: sum!.uploads.map((u) => u.site), activeSet: sum!.active_set, blocks: [stored('sum/0')] };
    shares = new Map(sum!.active_set.map((site) => [site, stored(`shares/${site}`)]));
  });

  /** What somebody with these shares reads, or null when the bytes do not open. */
  async function open(with_: ReadonlyMap<string, Uint8Array>): Promise<number[] | null> {
    try {
      return [...[...(await sumScheme(header.scheme)).combine(header, toOpen, with_)][0]!.slice(0, updateLength(FEATURES + 1))];
    } catch (error) {
      if (error instanceof HeError) return null;
      throw error;
    }
  }
  const truth = () => [...updates[0]!.quantised].map((_, i) => updates.reduce((sum, u) => sum + u.quantised[i]!, 0));

  it('holds uploads of every site, a sum and its shares: there is something to look at', () => {
    expect(files.size).toBeGreaterThan(3 * 2 + 2 + 2 * 2);
    expect(federation.sites.every((site) => site.link.puts.length >= 2)).toBe(true);
    expect(updates.every((u) => u.quantised.length === FEATURES + 2 && new Set(u.quantised).size > FEATURES / 2)).toBe(true);
  });

  it('holds no eight bytes of any site’s update, in no common form', () => {
    for (const { quantised, delta } of updates) {
      const plain = plainForms(quantised, delta);
      for (const [name, bytes] of files) expect({ name, found: foundIn(bytes, plain) }).toEqual({ name, found: null });
      for (const site of federation.sites) for (const { path, bytes } of site.link.puts) expect({ path, found: foundIn(bytes, plain) }).toEqual({ path, found: null });
    }
  });

  it('would have been noticed: the same search finds the plain bytes where they are', () => {
    for (const { quantised, delta } of updates) {
      const plain = plainForms(quantised, delta);
      for (const form of plain) expect(foundIn(Buffer.concat([Buffer.alloc(333, 7), form.subarray(40, 60)]), plain)).not.toBeNull();
    }
  });

  it('opens to the exact sum with t shares', async () => {
    expect(await open(shares)).toEqual(truth());
  });

  it('does not open with t − 1 shares, whatever stands in for the missing one', async () => {
    const expected = truth();
    for (const missing of shares.keys()) {
      const [other] = [...shares].find(([site]) => site !== missing)!;
      const zero = shares.get(missing)!.slice();
      zero.fill(0, zero.length - Math.floor((zero.length - 8) / 8) * 8 + 256);
      const standIns = [undefined, shares.get(other)!, zero];
      for (const standIn of standIns) {
        const attempt = new Map(shares);
        if (standIn) attempt.set(missing, standIn);
        else attempt.delete(missing);
        const read = await open(attempt);
        const right = (read ?? []).filter((value, i) => value === expected[i]).length;
        expect(right).toBeLessThan(FEATURES / 20);
      }
    }
  });

  it('does not open a single upload with the shares of the sum', async () => {
    const [name] = [...files.keys()].filter((f) => f.includes('/uploads/alpha/'));
    const block = new Uint8Array(files.get(name!)!);
    const attempt = { ...toOpen, blocks: [block] };
    let read: number[] = [];
    try {
      read = [...[...(await sumScheme(header.scheme)).combine(header, attempt, shares)][0]!];
    } catch (error) {
      expect(error).toBeInstanceOf(HeError);
    }
    expect(read.filter((value, i) => value === updates[0]!.quantised[i]).length).toBeLessThan(FEATURES / 20);
  });
});

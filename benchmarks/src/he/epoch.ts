import { randomBytes } from 'node:crypto';
import {
  type Aggregator,
  type CeremonyMessage,
  type KeyEpochHeader,
  type SiteKeyEpoch,
  type SumToDecrypt,
  schemes,
} from '@koinon/he';

/** All sites of one key epoch in this process, its key ceremony over. Dispose it. */
export class KeyEpoch implements Disposable {
  private constructor(
    readonly header: KeyEpochHeader,
    readonly aggregator: Aggregator,
    readonly sites: readonly SiteKeyEpoch[],
    readonly ceremonyMsPerSite: number,
    readonly messages: readonly CeremonyMessage[],
  ) {}

  static async open(
    scheme: string,
    sites: number,
    threshold: number,
    changes: Partial<KeyEpochHeader> = {},
  ): Promise<KeyEpoch> {
    const { dkgSteps, ...registered } = schemes.named(scheme);
    const [site, aggregator] = [await registered.site(), await registered.aggregator()];
    const header: KeyEpochHeader = { ...headerOf(scheme, sites, threshold), ...changes };
    const opened = header.roster.map((name) => site.begin(header, name));
    const start = performance.now();
    const messages = runCeremony(dkgSteps, header, opened);
    return new KeyEpoch(header, aggregator, opened, (performance.now() - start) / sites, messages);
  }

  /**
   * Encrypts every vector, adds and decrypts block by block.
   * @returns wrong sums, and milliseconds of one decryption share and of combining
   */
  check(
    sumIndex: number,
    vectors: readonly Uint32Array[],
  ): { wrong: number; shareMs: number; combineMs: number; blocks: number } {
    const adder = this.aggregator.adder(this.header);
    const uploads = vectors.map((vector, i) => this.site(i).encrypt(sumIndex, vector));
    const blocks: Uint8Array[] = [];
    for (;;) {
      const parts = uploads.map((upload) => upload.next());
      if (parts.some((part) => part.done)) break;
      for (const part of parts) if (part.value) adder.add(part.value);
      blocks.push(adder.finish());
    }
    const sum: SumToDecrypt = {
      sumIndex,
      uploaders: this.header.roster.slice(0, vectors.length),
      decryptors: this.header.roster.slice(-this.header.threshold),
      blocks,
    };
    const shareStart = performance.now();
    const shares = new Map(
      sum.decryptors.map((name) => [name, this.site(this.header.roster.indexOf(name)).decryptionShare(sum)]),
    );
    const combineStart = performance.now();
    let wrong = 0;
    let at = 0;
    for (const sums of this.aggregator.combine(this.header, sum, shares)) {
      for (let i = 0; i < sums.length && at < (vectors[0]?.length ?? 0); i++, at++) {
        let expected = 0;
        for (const vector of vectors) expected += vector[at] ?? 0;
        if (sums[i] !== expected) wrong++;
      }
    }
    if (at !== vectors[0]?.length) wrong += 1;
    return {
      wrong,
      shareMs: (combineStart - shareStart) / this.header.threshold,
      combineMs: performance.now() - combineStart,
      blocks: blocks.length,
    };
  }

  private site(index: number): SiteKeyEpoch {
    const site = this.sites[index];
    if (!site) throw new Error('no such site');
    return site;
  }

  [Symbol.dispose](): void {
    for (const site of this.sites) site[Symbol.dispose]();
  }
}

export function headerOf(scheme: string, sites: number, threshold: number): KeyEpochHeader {
  const roster = Array.from({ length: sites }, (_, i) => `site-${i + 1}`);
  return {
    scheme,
    version: 1,
    keyEpochId: 'benchmark',
    seed: randomBytes(32).toString('hex'),
    roster,
    threshold,
    minUploads: threshold,
    bits: 16,
    sums: 8,
  };
}

/** Runs every step at every site, with this process as the relay. */
export function runCeremony(
  dkgSteps: readonly string[],
  header: KeyEpochHeader,
  sites: readonly SiteKeyEpoch[],
): CeremonyMessage[] {
  const messages: CeremonyMessage[] = [];
  for (const step of dkgSteps) {
    messages.push(
      ...sites.flatMap((site, i) =>
        site.runDkgStep(
          step,
          messages.filter(({ to }) => to === undefined || to === header.roster[i]),
        ),
      ),
    );
  }
  return messages;
}

/** Values uniform below 2^bits. */
export function randomValues(length: number, bits: 8 | 16): Uint32Array {
  const result = new Uint32Array(length);
  for (let from = 0; from < length; from += 1 << 20) {
    const count = Math.min(1 << 20, length - from);
    const words = new Uint16Array(Uint8Array.from(randomBytes(count * 2)).buffer);
    for (let i = 0; i < count; i++) result[from + i] = (words[i] ?? 0) & (2 ** bits - 1);
  }
  return result;
}

export function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}

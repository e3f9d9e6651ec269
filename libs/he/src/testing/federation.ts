import { expect } from 'vitest';
import { HeError, type HeErrorCode } from '../errors.js';
import type {
  Aggregator,
  CeremonyMessage,
  KeyEpochHeader,
  Scheme,
  SiteKeyEpoch,
  SiteProtocol,
  SumToDecrypt,
} from '../scheme.js';

/** Both halves of a scheme. */
export interface Loaded {
  readonly scheme: Scheme;
  readonly site: SiteProtocol;
  readonly aggregator: Aggregator;
}

export async function load(scheme: Scheme): Promise<Loaded> {
  return { scheme, site: await scheme.site(), aggregator: await scheme.aggregator() };
}

export function headerOf(
  scheme: string,
  sites: number,
  threshold: number,
  changes: Partial<KeyEpochHeader> = {},
): KeyEpochHeader {
  const roster = Array.from({ length: sites }, (_, i) => `hospital-${i + 1}`);
  return {
    scheme,
    version: 1,
    keyEpochId: 'epoch-1',
    seed: '5e'.repeat(32),
    roster,
    threshold,
    minUploads: threshold,
    bits: 16,
    sums: 2,
    ...changes,
  };
}

/** All sites of one epoch in one process, with the caller as the relay between them. */
export class Federation implements Disposable {
  readonly messages: CeremonyMessage[] = [];
  readonly sites: SiteKeyEpoch[];

  constructor(
    readonly loaded: Loaded,
    readonly header: KeyEpochHeader,
  ) {
    this.sites = header.roster.map((site) => loaded.site.begin(header, site));
  }

  /** A federation whose DKG is over. */
  static ready(loaded: Loaded, header: KeyEpochHeader): Federation {
    const federation = new Federation(loaded, header);
    for (const step of loaded.scheme.dkgSteps) federation.step(step);
    return federation;
  }

  step(step: string): void {
    const posted = this.header.roster.flatMap((_, i) => this.site(i).runDkgStep(step, this.inbox(i)));
    this.messages.push(...posted);
  }

  /** What the last step brought this site. */
  inbox(index: number): CeremonyMessage[] {
    const last = this.messages.at(-1)?.step;
    return this.messages.filter(
      ({ step, to }) => step === last && (to === undefined || to === this.header.roster[index]),
    );
  }

  site(index: number): SiteKeyEpoch {
    const site = this.sites[index];
    if (!site) throw new Error('no such site in this test');
    return site;
  }

  /** Kills the site's process and starts it again from what it saved. */
  restart(index: number, state = this.site(index).save()): void {
    this.site(index)[Symbol.dispose]();
    this.sites[index] = this.loaded.site.restore(this.header, this.header.roster[index] ?? '', state);
  }

  /** Encrypts at every site and adds. */
  sumOf(sumIndex: number, values: ReadonlyMap<number, Uint32Array>, decryptors?: readonly number[]): SumToDecrypt {
    const uploads = [...values].map(([i, vector]) => [...this.site(i).encrypt(sumIndex, vector)]);
    return {
      sumIndex,
      uploaders: [...values.keys()].map((i) => this.header.roster[i] ?? ''),
      decryptors: (decryptors ?? this.header.roster.map((_, i) => i).slice(0, this.header.threshold)).map(
        (i) => this.header.roster[i] ?? '',
      ),
      blocks: this.add(uploads),
    };
  }

  add(uploads: readonly (readonly Uint8Array[])[]): Uint8Array[] {
    const adder = this.loaded.aggregator.adder(this.header);
    return (uploads[0] ?? []).map((_, block) => {
      for (const upload of uploads) adder.add(upload[block] ?? new Uint8Array(0));
      return adder.finish();
    });
  }

  shares(sum: SumToDecrypt): Map<string, Uint8Array> {
    return new Map(
      sum.decryptors.map((site) => [site, this.site(this.header.roster.indexOf(site)).decryptionShare(sum)]),
    );
  }

  decrypt(sum: SumToDecrypt, shares = this.shares(sum)): Uint32Array {
    const blocks = [...this.loaded.aggregator.combine(this.header, sum, shares)];
    return Uint32Array.from(blocks.flatMap((block) => [...block]));
  }

  [Symbol.dispose](): void {
    for (const site of this.sites) site[Symbol.dispose]();
  }
}

export function plainSum(vectors: Iterable<Uint32Array>, length: number): Uint32Array {
  const sum = new Uint32Array(length);
  for (const vector of vectors)
    vector.forEach((value, i) => {
      sum[i] = (sum[i] ?? 0) + value;
    });
  return sum;
}

/** The HeError a call throws; fails the test when it throws nothing or anything else. */
export function errorOf(run: () => unknown): HeError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(HeError);
    return error as HeError;
  }
  return expect.fail('nothing was thrown');
}

export function expectCode(code: HeErrorCode, run: () => unknown, site?: string): void {
  const error = errorOf(run);
  expect(error.code).toBe(code);
  if (site !== undefined) expect(error.site).toBe(site);
}

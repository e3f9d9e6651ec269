import { createHash, randomBytes } from 'node:crypto';
import { HeError } from './errors.js';
import { siteIndex } from './header.js';
import type { KeyEpochHeader } from './scheme.js';
import { wipe } from './secrets.js';
import { KIND, PREFIX_BYTES, concat, equal, prefix } from './wire.js';

/** What a site remembers under every scheme. A missing section is not needed yet or not any more. */
const SECTIONS = ['root', 'transcript', 'spent', 'keyShare'] as const;
type Common = (typeof SECTIONS)[number];

/** The part of it that every scheme has. */
export type CommonState = Pick<SiteState, keyof SiteState>;

interface Stored {
  readonly header: KeyEpochHeader;
  readonly site: string;
  readonly bytes: Uint8Array;
  /** Steps of the DKG. */
  readonly steps: number;
}

/**
 * Sections behind the usual prefix, the number of finished DKG steps and the site's index; each with its length, and
 * SHA-256 over everything at the end against torn writes. Holds secrets: the caller keeps it from other eyes.
 */
export class SiteState<Section extends string = never> {
  finished = 0;
  private readonly sections = new Map<string, Uint8Array>();

  private constructor(private readonly names: readonly (Common | Section)[]) {}

  /** @param own sections of the scheme */
  static fresh<Section extends string>(own: readonly Section[]): SiteState<Section> {
    const state = new SiteState<Section>([...SECTIONS, ...own]);
    state.set('root', new Uint8Array(randomBytes(32)));
    return state;
  }

  get(section: Common | Section): Uint8Array {
    const bytes = this.sections.get(section);
    if (!bytes)
      throw new HeError('STATE_INVALID', 'the stored state of this step is incomplete; begin a new key epoch');
    return bytes;
  }

  find(section: Common | Section): Uint8Array | undefined {
    return this.sections.get(section);
  }

  set(section: Common | Section, bytes: Uint8Array): void {
    this.forget(section);
    this.sections.set(section, bytes);
  }

  /** Zeroises. */
  forget(...sections: readonly (Common | Section)[]): void {
    for (const section of sections) {
      const bytes = this.sections.get(section);
      if (bytes) wipe(bytes);
      this.sections.delete(section);
    }
  }

  /** Zeroises everything. */
  clear(): void {
    this.forget(...this.names);
  }

  save(header: KeyEpochHeader, site: string): Uint8Array {
    const parts = [prefix(header, KIND.state), Uint8Array.of(this.finished, siteIndex(header, site))];
    for (const name of this.names) {
      const bytes = this.sections.get(name) ?? new Uint8Array(0);
      parts.push(new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes);
    }
    const body = concat(...parts);
    return concat(body, createHash('sha256').update(body).digest());
  }

  /** @param own sections of the scheme. @throws HeError STATE_INVALID */
  static load<Section extends string>(
    own: readonly Section[],
    { header, site, bytes, steps }: Stored,
  ): SiteState<Section> {
    const invalid = new HeError('STATE_INVALID', 'the stored state is damaged or of another key epoch or site', site);
    const copy = new Uint8Array(bytes);
    const body = copy.subarray(0, -32);
    const finished = body[PREFIX_BYTES] ?? 255;
    const expected = concat(prefix(header, KIND.state), Uint8Array.of(finished, siteIndex(header, site)));
    const intact = equal(createHash('sha256').update(body).digest(), copy.subarray(-32));
    if (!intact || !equal(body.subarray(0, PREFIX_BYTES + 2), expected) || finished > steps) throw invalid;
    const state = new SiteState<Section>([...SECTIONS, ...own]);
    state.finished = finished;
    let at = PREFIX_BYTES + 2;
    for (const name of state.names) {
      if (at + 4 > body.length) throw invalid;
      const length = new DataView(copy.buffer).getUint32(at, true);
      at += 4;
      if (at + length > body.length) throw invalid;
      if (length > 0) state.set(name, body.slice(at, at + length));
      at += length;
    }
    copy.fill(0);
    if (at !== body.length) throw invalid;
    return state;
  }
}

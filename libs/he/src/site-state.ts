import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { siteIndex } from './header.js';
import type { EpochHeader } from './scheme.js';
import { wipe } from './secrets.js';
import { PREFIX_BYTES, concat, equal, prefix } from './wire.js';

/** What a site remembers between steps. Missing sections are not needed yet or not any more. */
const SECTIONS = [
  'root',
  'transcript',
  'commit',
  'commits',
  'reveal',
  'test',
  'secret',
  'share',
  'publicKey',
  'spent',
] as const;
export type Section = (typeof SECTIONS)[number];

/**
 * Sections behind the usual prefix, the number of finished steps and the site's index; each with its length, and
 * SHA-256 over everything at the end against torn writes. Holds secrets: the caller keeps it from other eyes.
 */
export class SiteState {
  finished = 0;
  readonly #sections = new Map<Section, Uint8Array>();

  get(section: Section): Uint8Array {
    const bytes = this.#sections.get(section);
    if (!bytes)
      throw new HeError('STATE_INVALID', 'the stored state of this step is incomplete; begin a new key epoch');
    return bytes;
  }

  find(section: Section): Uint8Array | undefined {
    return this.#sections.get(section);
  }

  set(section: Section, bytes: Uint8Array): void {
    this.forget(section);
    this.#sections.set(section, bytes);
  }

  /** Zeroises. */
  forget(...sections: readonly Section[]): void {
    for (const section of sections) {
      const bytes = this.#sections.get(section);
      if (bytes) wipe(bytes);
      this.#sections.delete(section);
    }
  }

  /** Zeroises everything. */
  clear(): void {
    this.forget(...SECTIONS);
  }

  save(header: EpochHeader, site: string): Uint8Array {
    const parts = [prefix(header, 'state'), Uint8Array.of(this.finished, siteIndex(header, site))];
    for (const section of SECTIONS) {
      const bytes = this.#sections.get(section) ?? new Uint8Array(0);
      parts.push(new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes);
    }
    const body = concat(...parts);
    return concat(body, createHash('sha256').update(body).digest());
  }

  /** @throws HeError STATE_INVALID */
  static load(header: EpochHeader, site: string, bytes: Uint8Array, steps: number): SiteState {
    const invalid = new HeError('STATE_INVALID', 'the stored state is damaged or of another key epoch or site', site);
    const copy = new Uint8Array(bytes);
    const body = copy.subarray(0, -32);
    const expected = concat(prefix(header, 'state'), Uint8Array.of(body[PREFIX_BYTES] ?? 255, siteIndex(header, site)));
    const intact = equal(createHash('sha256').update(body).digest(), copy.subarray(-32));
    if (!intact || !equal(body.subarray(0, PREFIX_BYTES + 2), expected) || (body[PREFIX_BYTES] ?? 255) > steps)
      throw invalid;
    const state = new SiteState();
    state.finished = body[PREFIX_BYTES] ?? 0;
    let at = PREFIX_BYTES + 2;
    for (const section of SECTIONS) {
      if (at + 4 > body.length) throw invalid;
      const length = new DataView(copy.buffer).getUint32(at, true);
      at += 4;
      if (at + length > body.length) throw invalid;
      if (length > 0) state.set(section, body.slice(at, at + length));
      at += length;
    }
    copy.fill(0);
    if (at !== body.length) throw invalid;
    return state;
  }
}

/**
 * The contract of a secure sum: what the coordinator and the sites need from an encryption scheme,
 * and nothing about how the bytes travel. Every scheme passes the same contract suite.
 *
 * An epoch runs through named ceremony steps. In each step every site posts messages, broadcast or
 * addressed to one site; the caller relays them and seals the addressed ones end to end. When the
 * last step is done the epoch can serve `sums` secure sums, each: encrypt → add → share → combine.
 */
export type SchemeId = 'ckks-threshold' | 'one-time-key';

/** What every participant of a key epoch agrees on. Public; its digest binds every message. */
export interface EpochHeader {
  readonly scheme: SchemeId;
  readonly version: 1;
  readonly epochId: string;
  /** 64 hex characters: public randomness that seeds the common polynomials. */
  readonly seed: string;
  /** Site ids. The Shamir x coordinate of a site is its index here plus one. */
  readonly roster: readonly string[];
  /** Decryption shares needed (t). */
  readonly threshold: number;
  /** Fewest committed uploads a site agrees to decrypt. */
  readonly minUploads: number;
  /** Bits of one packed value. */
  readonly bits: 8 | 16;
  /** Secure sums this epoch serves, numbered from 0. */
  readonly sums: number;
}

/** One message of a ceremony step. Without `to` it is broadcast; with `to` only that site may read it. */
export interface CeremonyMessage {
  readonly step: string;
  readonly from: string;
  readonly to?: string;
  readonly body: Uint8Array;
}

/** Sizes in bytes and values; all fixed by the header. */
export interface BlockLayout {
  readonly valuesPerBlock: number;
  readonly uploadBlockBytes: number;
  readonly sumBlockBytes: number;
  /** Bytes of one decryption share of a sum of `blocks` blocks. */
  shareBytes(blocks: number): number;
}

/** What a share is made of: the closed list of uploads and the sum over exactly these. */
export interface SumToOpen {
  readonly sumIndex: number;
  /** Sites whose committed uploads are in the sum, in roster order. */
  readonly uploads: readonly string[];
  /** The t sites that decrypt, in roster order. */
  readonly activeSet: readonly string[];
  readonly blocks: Iterable<Uint8Array>;
}

/** A site's secret half of one key epoch. Dispose it: it owns native memory and secrets. */
export interface SiteEpoch extends Disposable {
  readonly layout: BlockLayout;
  /**
   * Runs one ceremony step.
   * @param inbox what the others posted in the step before: broadcasts, and what was addressed to this site. What an
   * earlier step brought is in the state, as far as it is still needed.
   * @throws HeError with the code of what is wrong and the site that caused it
   */
  step(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[];
  /** The secret state after the last step, to be stored where only this site can read it. */
  save(): Uint8Array;
  /** Encrypts `values` (each below 2^bits) block by block. One call per sum index, ever. */
  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void>;
  /** This site's decryption share. One call per sum, ever: the caller records the intent before. */
  share(sum: SumToOpen): Uint8Array;
}

/** Opens epochs at a site. */
export interface SiteScheme {
  readonly id: SchemeId;
  /** Names of the ceremony steps, in order. */
  readonly steps: readonly string[];
  begin(header: EpochHeader, site: string): SiteEpoch;
  restore(header: EpochHeader, site: string, state: Uint8Array): SiteEpoch;
}

/** Adds the uploads of one block index; memory does not grow with the number of uploads. */
export interface BlockAdder {
  /** @throws HeError BLOCK_MALFORMED when length or a residue is out of range; the sum is then unusable */
  add(block: Uint8Array): void;
  /** The sum block; the adder is ready for the next index afterwards. */
  finish(): Uint8Array;
}

/** The coordinator's half: public arithmetic only, no secret, no SEAL. */
export interface SumScheme {
  readonly id: SchemeId;
  readonly steps: readonly string[];
  layout(header: EpochHeader): BlockLayout;
  adder(header: EpochHeader): BlockAdder;
  /**
   * Integer sums, block by block, `valuesPerBlock` each.
   * @param shares one per site of the active set
   */
  combine(header: EpochHeader, sum: SumToOpen, shares: ReadonlyMap<string, Uint8Array>): Generator<Uint32Array, void>;
}

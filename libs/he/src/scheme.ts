/**
 * The contract of a secure sum: what the coordinator and the sites need from an encryption scheme, and nothing about how
 * the bytes travel. Every scheme passes the same contract suite.
 *
 * A key epoch begins with a distributed key generation (DKG): named steps, in each of which every site posts messages,
 * to all or to one site; the caller relays them and seals those to one site end to end. After the last step the epoch
 * serves `sums` secure sums, each: encrypt → add → decryption shares → combine.
 */

/** What every party of a key epoch agrees on. Public; its digest binds every message. */
export interface KeyEpochHeader {
  /** Name of a registered scheme. */
  readonly scheme: string;
  readonly version: 1;
  readonly keyEpochId: string;
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

/** One message of a DKG step. Without `to` it is for all; with `to` only that site may read it. */
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
  /** Bytes of the largest message of the DKG. */
  readonly largestMessageBytes: number;
  /** Bytes of one decryption share of a sum of `blocks` blocks. */
  decryptionShareBytes(blocks: number): number;
}

/** What a decryption share is made of: the frozen list of uploads and the sum over exactly these. */
export interface SumToDecrypt {
  readonly sumIndex: number;
  /** Sites whose committed uploads are in the sum, in roster order. */
  readonly uploaders: readonly string[];
  /** The t sites that decrypt, in roster order. */
  readonly decryptors: readonly string[];
  readonly blocks: Iterable<Uint8Array>;
}

/** A site's secret half of one key epoch. Dispose it: it owns native memory and secrets. */
export interface SiteKeyEpoch extends Disposable {
  readonly layout: BlockLayout;
  /**
   * Runs one step of the DKG.
   * @param inbox what the others posted in the step before: to all, and to this site. What an earlier step brought is in
   * the state, as far as it is still needed.
   * @throws HeError with the code of what is wrong and the site that caused it
   */
  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[];
  /** The secret state after the last step, to be stored where only this site can read it. */
  save(): Uint8Array;
  /** Encrypts `values` (each below 2^bits) block by block. One call per sum index, ever. */
  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void>;
  /** One call per sum, ever: the caller records the intent before. */
  decryptionShare(sum: SumToDecrypt): Uint8Array;
}

/** A scheme at a site: begins key epochs and restores stored ones. */
export interface SiteProtocol {
  begin(header: KeyEpochHeader, site: string): SiteKeyEpoch;
  /** @throws HeError STATE_INVALID */
  restore(header: KeyEpochHeader, site: string, state: Uint8Array): SiteKeyEpoch;
}

/** Adds the uploads of one block index; memory does not grow with the number of uploads. */
export interface BlockAdder {
  /** @throws HeError BLOCK_MALFORMED when length or a residue is out of range; the sum is then unusable */
  add(block: Uint8Array): void;
  /** The sum block; the adder is ready for the next index afterwards. */
  finish(): Uint8Array;
}

/** A scheme at the coordinator: public arithmetic only, no secret, no SEAL. */
export interface Aggregator {
  adder(header: KeyEpochHeader): BlockAdder;
  /**
   * Integer sums, block by block, `valuesPerBlock` each.
   * @param shares one decryption share of each decryptor
   */
  combine(
    header: KeyEpochHeader,
    sum: SumToDecrypt,
    shares: ReadonlyMap<string, Uint8Array>,
  ): Generator<Uint32Array, void>;
}

/** A scheme as it is registered: what is known of it without loading its arithmetic. */
export interface Scheme {
  /** As federation.yaml and every header name it. */
  readonly name: string;
  /** As people read it. */
  readonly title: string;
  /** Names of the steps of its DKG, in order. */
  readonly dkgSteps: readonly string[];
  /** @throws HeError HEADER_INVALID, NOISE_BUDGET_EXCEEDED when the scheme cannot serve this header */
  layout(header: KeyEpochHeader): BlockLayout;
  site(): Promise<SiteProtocol>;
  aggregator(): Promise<Aggregator>;
}

/** Several hospitals of one key epoch in one process, each with its own folder. */
import { join } from 'node:path';
import {
  PROTOCOL,
  aggregationCommitmentStatement,
  type AssignmentOf,
  type AggregationCommitment,
  type RosterEntry,
} from '@koinon/contracts';
import { generateSigningKey, signStatement, signerFrom, type Signer } from '@koinon/signing';
import { MerkleTree, schemes, type KeyEpochHeader } from '@koinon/he';
import { RosterPins } from '../link/roster-pins.js';
import { loadSiteKeys, type SiteKeys } from '../link/site-keys.js';
import { Ceremony } from '../secure-update/ceremony.js';
import { KeyEpochStore } from '../secure-update/key-epoch-store.js';
import { Decryptor } from '../secure-update/decryptor.js';
import { DecryptionShareStore } from '../secure-update/decryption-share-store.js';
import { UploadStore } from '../secure-update/upload-store.js';
import { Uploader } from '../secure-update/uploader.js';
import { Relay, sha256 } from './relay.js';

export const KEY_EPOCH = '00000000-0000-4000-8000-00000000000e';
export const SUM = '00000000-0000-4000-8000-000000000001';
export const OTHER_SUM = '00000000-0000-4000-8000-000000000002';
const rootOf = (blocks: readonly Uint8Array[]): string =>
  Buffer.from(MerkleTree.from(blocks.map((block) => Buffer.from(sha256(block), 'hex'))).root).toString('hex');

export async function newSigner(): Promise<Signer> {
  const { pkcs8, publicKey } = await generateSigningKey();
  return signerFrom(pkcs8, publicKey);
}

/** One hospital's secure-update side over its folder; made again, it is the same hospital after a restart. */
export class Hospital {
  private constructor(
    readonly site: string,
    readonly keys: SiteKeys,
    readonly epochs: KeyEpochStore,
    readonly ceremony: Ceremony,
    readonly uploader: Uploader,
    readonly decryptor: Decryptor,
  ) {}

  static async start(folder: string, site: string, relay: Relay, coordinatorKey: string): Promise<Hospital> {
    const at = (name: string): string => join(folder, site, name);
    const keys = await loadSiteKeys(join(folder, site));
    const epochs = new KeyEpochStore(at('epochs'), site);
    const link = relay.linkOf(site);
    const uploader = new Uploader(site, keys, link, epochs, new UploadStore(at('uploads')));
    const decryptor = new Decryptor(site, keys, coordinatorKey, link, epochs, new DecryptionShareStore(at('shares')));
    return new Hospital(
      site,
      keys,
      epochs,
      new Ceremony(site, keys, link, epochs, new RosterPins(join(folder, site))),
      uploader,
      decryptor,
    );
  }

  get entry(): RosterEntry {
    return { site: this.site, identityKey: this.keys.signer.publicKey, sealingKey: this.keys.box.publicKey };
  }
}

export class Hospitals {
  readonly all = new Map<string, Hospital>();

  private constructor(
    readonly folder: string,
    readonly relay: Relay,
    readonly coordinator: Signer,
  ) {}

  static async start(folder: string, scheme: string, changes: Partial<KeyEpochHeader> = {}): Promise<Hospitals> {
    const roster = ['basel', 'cleveland', 'hungary'];
    const header: KeyEpochHeader = {
      scheme,
      version: 1,
      keyEpochId: KEY_EPOCH,
      seed: '5e'.repeat(32),
      roster,
      threshold: 2,
      minUploads: 2,
      bits: 16,
      sums: 2,
      ...changes,
    };
    const hospitals = new Hospitals(folder, new Relay(header, schemes.named(scheme).dkgSteps), await newSigner());
    for (const site of header.roster) await hospitals.restart(site);
    return hospitals;
  }

  /** Hospitals whose key ceremony is over. */
  static async ready(folder: string, scheme: string, changes: Partial<KeyEpochHeader> = {}): Promise<Hospitals> {
    const hospitals = await Hospitals.start(folder, scheme, changes);
    for (const step of hospitals.relay.steps)
      for (const site of hospitals.all.keys()) await hospitals.site(site).ceremony.take(hospitals.ceremony(step));
    return hospitals;
  }

  site(name: string): Hospital {
    return this.all.get(name)!;
  }

  /** What a killed process leaves is on disk: everything else is made anew. */
  async restart(site: string): Promise<Hospital> {
    const hospital = await Hospital.start(this.folder, site, this.relay, this.coordinator.publicKey);
    this.all.set(site, hospital);
    return hospital;
  }

  get roster(): RosterEntry[] {
    return this.relay.header.roster.map((site) => this.site(site).entry);
  }

  ceremony(step: string, header: KeyEpochHeader = this.relay.header): AssignmentOf<'ceremony'> {
    return {
      kind: 'ceremony',
      keyEpochId: header.keyEpochId,
      header: { ...header, roster: [...header.roster] },
      roster: this.roster,
      step,
    };
  }

  async upload(site: string, sumId: string, sumIndex: number, values: Uint32Array): Promise<void> {
    const { uploader } = this.site(site);
    if (!uploader.made(KEY_EPOCH, sumId)) await uploader.encrypt(KEY_EPOCH, sumId, sumIndex, values);
    await uploader.send(KEY_EPOCH, sumId);
  }

  /** Adds what the listed sites uploaded and signs the commitment; `changes` make the coordinator lie. */
  async freeze(
    sumId: string,
    sumIndex: number,
    sites: readonly string[],
    changes: Partial<AggregationCommitment> = {},
    signer = this.coordinator,
  ): Promise<AssignmentOf<'decrypt'>> {
    const blocks = this.relay.sums.get(sumId) ?? (await this.relay.add(sumId, sites));
    this.relay.sums.set(sumId, blocks);
    const statement: AggregationCommitment = {
      protocol: PROTOCOL,
      sumId,
      keyEpochId: KEY_EPOCH,
      sumIndex,
      blocks: blocks.length,
      sumRoot: rootOf(blocks),
      decryptors: sites.slice(0, this.relay.header.threshold),
      uploads: sites.map((site) => ({ site, root: rootOf(this.relay.uploadsOf(sumId).get(site)!) })),
      ...changes,
    };
    return {
      kind: 'decrypt',
      keyEpochId: KEY_EPOCH,
      sumId,
      commitment: await signStatement(aggregationCommitmentStatement.type, statement, signer),
      uploads: this.relay.signedUploads(sumId, sites),
    };
  }

  /** The sums, decrypted with what the decryptors sent. */
  async decrypt(
    sumId: string,
    sumIndex: number,
    uploaders: readonly string[],
    decryptors: readonly string[],
  ): Promise<number[]> {
    const shares = new Map(this.relay.shares.filter((s) => s.sumId === sumId).map(({ site, share }) => [site, share]));
    const aggregator = await schemes.named(this.relay.header.scheme).aggregator();
    const sum = { sumIndex, uploaders, decryptors, blocks: this.relay.sums.get(sumId)! };
    return [...aggregator.combine(this.relay.header, sum, shares)].flatMap((block) => [...block]);
  }
}

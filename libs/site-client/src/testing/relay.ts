import { createHash } from 'node:crypto';
import {
  CodedError,
  isFor,
  type CeremonyPost,
  type CeremonyStatement,
  type Envelope,
  type Opening,
} from '@koinon/contracts';
import { MerkleTree, schemes, type KeyEpochHeader } from '@koinon/he';
import { toBase64 } from '@koinon/signing';

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Keeps what is posted and says what is asked, in this process. Its answers are open for tests to change. */
export class Relay {
  readonly posts: { site: string; step: string; post: CeremonyPost }[] = [];
  readonly uploads = new Map<string, Map<string, Uint8Array[]>>();
  readonly commits: { site: string; sumId: string; envelope: Envelope }[] = [];
  readonly sums = new Map<string, Uint8Array[]>();
  readonly shares: { site: string; sumId: string; share: Uint8Array }[] = [];
  readonly statements: Envelope[] = [];
  /** Questions for blocks. */
  readonly asked: string[] = [];
  /** Called before anything a site sends is taken; throws to lose it. */
  onSend: (what: string, site: string) => void = () => undefined;
  changeOpening: (opening: Opening) => Opening = (opening) => opening;
  changeInbox: (inbox: CeremonyPost[], site: string) => CeremonyPost[] = (inbox) => inbox;

  constructor(
    readonly header: KeyEpochHeader,
    readonly steps: readonly string[],
  ) {}

  linkOf(site: string) {
    return {
      postCeremony: async (_: string, post: CeremonyPost) => {
        const { step } = JSON.parse(Buffer.from(post.statement.payload, 'base64').toString()) as { step: string };
        this.onSend(`ceremony ${step}`, site);
        this.posts.push({ site, step, post });
      },
      inbox: async (_: string, step: string) => this.changeInbox(this.inbox(site, step), site),
      blocks: async (sumId: string) => {
        this.asked.push('blocks');
        return (this.uploadsOf(sumId).get(site) ?? []).flatMap((block, index) =>
          block ? [{ index, sha256: sha256(block) }] : [],
        );
      },
      putBlock: async (sumId: string, index: number, block: Uint8Array) => {
        this.onSend(`block ${index}`, site);
        const blocks = this.uploadsOf(sumId).get(site) ?? [];
        blocks[index] = block;
        this.uploadsOf(sumId).set(site, blocks);
      },
      finishUpload: async (sumId: string, envelope: Envelope) => {
        this.onSend('commit', site);
        this.commits.push({ site, sumId, envelope });
      },
      sumBlock: async (sumId: string, index: number) => {
        this.asked.push(`sum ${index}`);
        return this.sums.get(sumId)![index]!;
      },
      opening: async (sumId: string, index: number) => this.changeOpening(this.opening(sumId, index)),
      putDecryptionShare: async (sumId: string, share: Uint8Array) => {
        this.onSend('share', site);
        this.shares.push({ site, sumId, share });
      },
      finishDecryptionShare: async (_: string, envelope: Envelope) => void this.statements.push(envelope),
    };
  }

  /** What a site posted in a step, each time it did. */
  postsOf(site: string, step: string): CeremonyPost[] {
    return this.posts.filter((p) => p.site === site && p.step === step).map((p) => p.post);
  }

  uploadsOf(sumId: string): Map<string, Uint8Array[]> {
    const uploads = this.uploads.get(sumId) ?? new Map<string, Uint8Array[]>();
    this.uploads.set(sumId, uploads);
    return uploads;
  }

  /** What these sites signed of their uploads. */
  signedUploads(sumId: string, sites: readonly string[]): Envelope[] {
    return sites.map(
      (site) => this.commits.findLast((commit) => commit.sumId === sumId && commit.site === site)!.envelope,
    );
  }

  /** Adds the uploads of these sites. */
  async add(sumId: string, sites: readonly string[]): Promise<Uint8Array[]> {
    const adder = (await schemes.named(this.header.scheme).aggregator()).adder(this.header);
    const uploads = sites.map((site) => this.uploadsOf(sumId).get(site)!);
    return uploads[0]!.map((_, index) => {
      for (const blocks of uploads) adder.add(blocks[index]!);
      return adder.finish();
    });
  }

  private inbox(site: string, step: string): CeremonyPost[] {
    const posts = this.posts.filter(
      (p, i) => p.step === step && this.posts.findIndex((q) => q.site === p.site && q.step === step) === i,
    );
    if (posts.length < this.header.roster.length) throw new CodedError('STEP_OUT_OF_ORDER');
    return posts.map(({ site: from, post: { statement, bodies } }) => {
      const { messages } = JSON.parse(Buffer.from(statement.payload, 'base64').toString()) as CeremonyStatement;
      return { statement, bodies: bodies.filter((_, i) => isFor(site, from, messages[i]!)) };
    });
  }

  private opening(sumId: string, index: number): Opening {
    const proven = (blocks: readonly Uint8Array[]) => ({
      block: toBase64(blocks[index]!),
      proof: MerkleTree.from(blocks.map(digest))
        .proof(index)
        .map((p) => Buffer.from(p).toString('hex')),
    });
    return {
      index,
      sum: proven(this.sums.get(sumId)!),
      uploads: [...this.uploadsOf(sumId)].map(([site, blocks]) => ({ site, ...proven(blocks) })),
    };
  }
}

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CodedError,
  envelopeSchema,
  keyEpochHeaderSchema,
  parse,
  rosterEntrySchema,
  sha256Schema,
  uuidSchema,
  type CeremonyPost,
  type RosterEntry,
} from '@koinon/contracts';
import { fromBase64, toBase64 } from '@koinon/signing';
import { headerDigest, schemes, type KeyEpochHeader, type SiteKeyEpoch } from '@koinon/he';
import type { ChargedRound } from '@koinon/secure-tasks';
import { z } from 'zod';
import { createDurably, namesIn, readIfThere, removeUnfinished, replaceSecret, wipeFile } from '@koinon/service';

/** Epochs whose secrets are kept at most, whatever the coordinator says is going on. */
const KEPT = 4;
const LENGTH_BYTES = 4;

/** The charged round that an upload is an answer of. */
const chargedRoundSchema = z.strictObject({ runId: uuidSchema, round: z.int().positive() });

/**
 * What this site encrypted for one sum: written in one piece with the state in which that sum index is spent.
 * An evaluation answers no charged round; a file of before does not say.
 */
const uploadSchema = z.strictObject({
  sumId: uuidSchema,
  sumIndex: z.int().nonnegative(),
  blocks: z.int().positive(),
  root: sha256Schema,
  answers: chargedRoundSchema.optional(),
});
export type UploadRecord = z.infer<typeof uploadSchema>;

const headSchema = z.strictObject({
  header: keyEpochHeaderSchema,
  /** The keys behind the header's roster, in its order, as the ceremony checked them. */
  roster: z.array(rosterEntrySchema),
  /** The last step and what this site posted in it, to be sent again unchanged after a crash. */
  step: z.string(),
  post: z.strictObject({ statement: envelopeSchema, bodies: z.array(z.base64()) }),
  /** Whether all sites were seen to confirm the transcript of this one. */
  agreed: z.boolean(),
  uploads: z.array(uploadSchema),
});
type Head = z.infer<typeof headSchema>;

/**
 * The secret state of key epochs, one file each, readable by this node alone, zeroised and deleted when nothing can be asked
 * of it any more.
 * A file is the length of its head (u32, little-endian), the head as JSON, and the state: bytes, which can be zeroised.
 */
export class KeyEpochStore {
  /** By key epoch, the end of what is being done with its state. */
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly folder: string,
    private readonly site: string,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    removeUnfinished(folder);
  }

  /** Also when its secrets were wiped since: an epoch of this name is never begun again. */
  began(keyEpochId: string): boolean {
    return namesIn(this.folder).some((name) => name === `${keyEpochId}.epoch` || name === `${keyEpochId}.over`);
  }

  /**
   * Runs what restores an epoch and saves it again, when all that began before it is over: from a state read before another one
   * was saved, a sum index that was spent would be spent again. Whatever `restore`s in order to save belongs in here.
   */
  async inTurn<T>(keyEpochId: string, act: () => Promise<T>): Promise<T> {
    const before = this.turns.get(keyEpochId);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return act();
    })();
    this.turns.set(keyEpochId, turn);
    try {
      return await turn;
    } finally {
      if (this.turns.get(keyEpochId) === turn) this.turns.delete(keyEpochId);
    }
  }

  /** The epoch as it was after its last step, upload or share. Dispose it. @throws CodedError SITE_STATE_LOST */
  async restore(
    keyEpochId: string,
  ): Promise<{ header: KeyEpochHeader; roster: readonly RosterEntry[]; epoch: SiteKeyEpoch }> {
    const stored = this.read(keyEpochId);
    if (!stored) throw new CodedError('SITE_STATE_LOST');
    const { header, roster } = stored.head;
    const site = await schemes.named(header.scheme).site();
    try {
      return { header, roster, epoch: site.restore(header, this.site, stored.state) };
    } finally {
      stored.state.fill(0);
    }
  }

  /** What this site posted in `step`, if that was its last. @throws CodedError MESSAGE_CONFLICT when the epoch began under another header */
  posted(header: KeyEpochHeader, step: string): CeremonyPost | null {
    const head = this.head(header.keyEpochId);
    if (head && headerDigest(head.header) !== headerDigest(header))
      throw new CodedError('MESSAGE_CONFLICT', 'this epoch began under another header');
    return head?.step === step ? { statement: head.post.statement, bodies: head.post.bodies.map(fromBase64) } : null;
  }

  /** State and post become durable together, before anything of them leaves the site. */
  save(
    header: KeyEpochHeader,
    roster: readonly RosterEntry[],
    epoch: SiteKeyEpoch,
    step: string,
    { statement, bodies }: CeremonyPost,
  ): void {
    const post = { statement, bodies: bodies.map(toBase64) };
    this.write(
      {
        header: { ...header, roster: [...header.roster] },
        roster: [...roster],
        step,
        post,
        agreed: false,
        uploads: [],
      },
      epoch.save(),
    );
    this.prune();
  }

  /** What the agreement of all sites is compared with. @throws CodedError SITE_STATE_LOST */
  ceremony(keyEpochId: string): Pick<Head, 'header' | 'roster' | 'post' | 'agreed' | 'uploads'> {
    return this.known(keyEpochId);
  }

  /** Records that all sites confirmed what this one did: it need not ask again. */
  agree(keyEpochId: string): void {
    const stored = this.read(keyEpochId);
    if (!stored) throw new CodedError('SITE_STATE_LOST');
    this.write({ ...stored.head, agreed: true }, stored.state);
  }

  /** Records a stored upload and, with it, that its sum index is spent: no other vector is ever encrypted for it. */
  encrypted(keyEpochId: string, epoch: SiteKeyEpoch, upload: UploadRecord): void {
    const head = this.known(keyEpochId);
    this.write({ ...head, uploads: [...head.uploads, upload] }, epoch.save());
  }

  /** Records that the epoch made its share of a sum and keeps nothing with which it could make another. */
  madeDecryptionShare(keyEpochId: string, epoch: SiteKeyEpoch): void {
    this.write(this.known(keyEpochId), epoch.save());
  }

  upload(keyEpochId: string, sumId: string): UploadRecord | null {
    return this.head(keyEpochId)?.uploads.find((upload) => upload.sumId === sumId) ?? null;
  }

  /** Wipes every epoch but these. A crash on the way leaves the rest for the next time. */
  keepOnly(keyEpochIds: readonly string[]): void {
    for (const keyEpochId of this.keyEpochIds()) if (!keyEpochIds.includes(keyEpochId)) this.wipe(keyEpochId);
  }

  /** Sums this site may still be asked about. */
  sumIds(): string[] {
    return this.uploads().map(({ sumId }) => sumId);
  }

  /** Whether an answer of this round is on disk, under whatever sum. */
  answers({ runId, round }: ChargedRound): boolean {
    return this.uploads().some(({ answers }) => answers?.runId === runId && answers.round === round);
  }

  /** A damaged key epoch decrypts no sum; one that cannot be read for the moment is not damaged. */
  private uploads(): UploadRecord[] {
    return this.keyEpochIds().flatMap((keyEpochId) => {
      try {
        return this.known(keyEpochId).uploads;
      } catch (error) {
        if (error instanceof CodedError && error.code === 'SITE_STATE_LOST') return [];
        throw error;
      }
    });
  }

  private known(keyEpochId: string): Head {
    const head = this.head(keyEpochId);
    if (!head) throw new CodedError('SITE_STATE_LOST');
    return head;
  }

  private head(keyEpochId: string): Head | null {
    const stored = this.read(keyEpochId);
    stored?.state.fill(0);
    return stored && stored.head;
  }

  private read(keyEpochId: string): { head: Head; state: Uint8Array } | null {
    const bytes = readIfThere(this.file(keyEpochId));
    if (!bytes) return null;
    try {
      const end = LENGTH_BYTES + bytes.readUInt32LE(0);
      return {
        head: parse(headSchema, JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end))),
        state: new Uint8Array(bytes.subarray(end)),
      };
    } catch {
      throw new CodedError('SITE_STATE_LOST', 'the stored state of this epoch is damaged');
    } finally {
      bytes.fill(0);
    }
  }

  /** Zeroises `state`. @throws CodedError SITE_STATE_LOST when the epoch was wiped since it was read: its secrets do not come back */
  private write(head: Head, state: Uint8Array): void {
    if (existsSync(this.over(head.header.keyEpochId))) {
      state.fill(0);
      throw new CodedError('SITE_STATE_LOST', 'this key epoch is over');
    }
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(text.length);
    const bytes = Buffer.concat([length, text, state]);
    try {
      replaceSecret(this.file(head.header.keyEpochId), bytes);
    } finally {
      bytes.fill(0);
      state.fill(0);
    }
  }

  private prune(): void {
    const newestFirst = this.keyEpochIds()
      .map((id) => ({ id, at: statSync(this.file(id)).mtimeMs }))
      .toSorted((a, b) => b.at - a.at);
    for (const { id } of newestFirst.slice(KEPT)) this.wipe(id);
  }

  /** What stays is an empty file with the epoch's name, before its secrets go. */
  private wipe(keyEpochId: string): void {
    createDurably(this.over(keyEpochId), '');
    wipeFile(this.file(keyEpochId));
  }

  private keyEpochIds(): string[] {
    return namesIn(this.folder)
      .filter((name) => name.endsWith('.epoch'))
      .map((name) => name.slice(0, -'.epoch'.length));
  }

  private file(keyEpochId: string): string {
    return join(this.folder, `${keyEpochId}.epoch`);
  }

  private over(keyEpochId: string): string {
    return join(this.folder, `${keyEpochId}.over`);
  }
}

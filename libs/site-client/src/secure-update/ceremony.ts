import {
  CodedError,
  PROTOCOL,
  ceremonyStatement,
  isFor,
  type AssignmentOf,
  type CeremonyPost,
  type RosterEntry,
} from '@koinon/contracts';
import { keyFingerprintOf, verifyStatement, sha256Hex, signStatement } from '@koinon/signing';
import { headerDigest, schemes, type CeremonyMessage, type KeyEpochHeader } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { RosterPins } from '../link/roster-pins.js';
import type { SiteKeys } from '../link/site-keys.js';
import type { KeyEpochStore } from './key-epoch-store.js';
import { SealedBox } from '../link/sealed-box.js';

/** This site's part in the distributed key generation (DKG), the key ceremony: checks signatures, unseals what is sealed to it, seals what it sends. */
export class Ceremony {
  constructor(
    private readonly site: string,
    private readonly keys: SiteKeys,
    private readonly link: Pick<CoordinatorLink, 'inbox' | 'postCeremony'>,
    private readonly epochs: KeyEpochStore,
    private readonly pins: RosterPins,
  ) {}

  async take({ header, roster, step }: AssignmentOf<'ceremony'>): Promise<void> {
    if (roster.map((r) => r.site).join() !== header.roster.join()) throw new CodedError('ROSTER_CHANGED');
    this.pins.check(roster, {
      site: this.site,
      identityKey: this.keys.signer.publicKey,
      sealingKey: this.keys.box.publicKey,
    });
    const headerSha256 = headerDigest(header);
    const post = this.epochs.posted(header, step) ?? (await this.runStep(header, headerSha256, step, roster));
    await this.link.postCeremony(header.keyEpochId, post);
  }

  /**
   * Every site confirmed, under its own key, the transcript that this one confirmed: the relay did not show them different
   * ceremonies. Asked once per epoch, before anything is encrypted in it.
   * @throws CodedError EPOCH_TRANSCRIPT_DIFFERS naming the site
   */
  async agreed(keyEpochId: string): Promise<void> {
    const { header, roster, post, agreed } = this.epochs.ceremony(keyEpochId);
    if (agreed) return;
    const own = await verifyStatement(
      post.statement,
      ceremonyStatement.type,
      ceremonyStatement.schema,
      this.keys.signer.publicKey,
    );
    const confirmed = schemes.named(header.scheme).dkgSteps.at(-1)!;
    const inbox = await this.link.inbox(keyEpochId, confirmed);
    for (const entry of roster) {
      if ((await confirmedBy(entry, header, confirmed, inbox)) !== own.messages[0]!.sha256)
        throw new CodedError('EPOCH_TRANSCRIPT_DIFFERS', entry.site);
    }
    this.epochs.agree(keyEpochId);
  }

  private async runStep(
    header: KeyEpochHeader,
    headerSha256: string,
    step: string,
    roster: readonly RosterEntry[],
  ): Promise<CeremonyPost> {
    const { dkgSteps, site } = schemes.named(header.scheme);
    // An epoch begins once: beginning it again would sign a second, different message of the same step.
    const begins = step === dkgSteps[0] && !this.epochs.began(header.keyEpochId);
    using epoch = begins
      ? (await site()).begin(header, this.site)
      : (await this.epochs.restore(header.keyEpochId)).epoch;
    const before = dkgSteps[dkgSteps.indexOf(step) - 1];
    // What earlier steps brought is in the stored state: every message travels once.
    const inbox =
      before === undefined
        ? []
        : await this.unsealed(
            await this.link.inbox(header.keyEpochId, before),
            header.keyEpochId,
            headerSha256,
            roster,
          );
    const post = await this.seal(epoch.runDkgStep(step, inbox), headerSha256, header.keyEpochId, step, roster);
    this.epochs.save(header, roster, epoch, step, post);
    return post;
  }

  private async unsealed(
    inbox: readonly CeremonyPost[],
    keyEpochId: string,
    headerSha256: string,
    roster: readonly RosterEntry[],
  ): Promise<CeremonyMessage[]> {
    const senders = new Map(
      await Promise.all(roster.map(async (entry) => [await keyFingerprintOf(entry.identityKey), entry] as const)),
    );
    const all: CeremonyMessage[] = [];
    for (const { statement: envelope, bodies } of inbox) {
      const sender = senders.get(envelope.signatures[0]!.keyid);
      if (!sender) throw new CodedError('SIGNATURE_INVALID', 'a message from outside the roster');
      const statement = await verifyStatement(
        envelope,
        ceremonyStatement.type,
        ceremonyStatement.schema,
        sender.identityKey,
      );
      if (
        statement.site !== sender.site ||
        statement.keyEpochId !== keyEpochId ||
        statement.headerSha256 !== headerSha256
      )
        throw new CodedError('SIGNATURE_INVALID', sender.site);
      const { site: from, step } = statement;
      const wanted = statement.messages.filter((message) => isFor(this.site, from, message));
      if (bodies.length !== wanted.length) throw new CodedError('BLOCK_DIGEST_MISMATCH', from);
      for (const [index, { to, sha256 }] of wanted.entries()) {
        const body = bodies[index]!;
        if ((await sha256Hex(body)) !== sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH', from);
        all.push(
          to === undefined
            ? { step, from, body }
            : { step, from, to, body: await this.keys.box.unseal(body, { headerSha256, step, from, to }) },
        );
      }
    }
    return all;
  }

  private async seal(
    messages: readonly CeremonyMessage[],
    headerSha256: string,
    keyEpochId: string,
    step: string,
    roster: readonly RosterEntry[],
  ): Promise<CeremonyPost> {
    const bodies = await Promise.all(
      messages.map(async ({ to, body }) => {
        if (to === undefined) return body;
        const recipient = roster.find((r) => r.site === to)!.sealingKey;
        return SealedBox.seal(recipient, body, { headerSha256, step, from: this.site, to });
      }),
    );
    const signed = await Promise.all(
      messages.map(async ({ to }, i) => ({ ...(to === undefined ? {} : { to }), sha256: await sha256Hex(bodies[i]!) })),
    );
    const statement = { protocol: PROTOCOL, keyEpochId, headerSha256, site: this.site, step, messages: signed };
    return { statement: await signStatement(ceremonyStatement.type, statement, this.keys.signer), bodies };
  }
}

/** The digest a site confirmed in the last step; null unless it signed exactly one, of this epoch under this header. */
async function confirmedBy(
  { site, identityKey }: RosterEntry,
  header: KeyEpochHeader,
  step: string,
  inbox: readonly CeremonyPost[],
): Promise<string | null> {
  const keyFingerprint = await keyFingerprintOf(identityKey);
  const digests: string[] = [];
  for (const { statement: envelope } of inbox.filter((p) => p.statement.signatures[0]!.keyid === keyFingerprint)) {
    const statement = await verifyStatement(
      envelope,
      ceremonyStatement.type,
      ceremonyStatement.schema,
      identityKey,
    ).catch(() => null);
    if (
      !statement ||
      statement.site !== site ||
      statement.keyEpochId !== header.keyEpochId ||
      statement.headerSha256 !== headerDigest(header)
    )
      return null;
    if (statement.step === step) digests.push(statement.messages[0]!.sha256);
  }
  return digests.length === 1 ? digests[0]! : null;
}

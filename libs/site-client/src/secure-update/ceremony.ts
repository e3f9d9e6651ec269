import {
  CodedError,
  ceremonyStatement,
  type AssignmentOf,
  type CeremonyPost,
  type RosterEntry,
} from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import { headerDigest, schemes, type KeyEpochHeader } from '@koinon/he';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { RosterPins } from '../link/roster-pins.js';
import type { SiteKeys } from '../link/site-keys.js';
import { confirmedBy, messagesOf, postOf } from './ceremony-messages.js';
import type { KeyEpochStore } from './key-epoch-store.js';

/** This site's part in the distributed key generation (DKG), the key ceremony: each step once. */
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
    const post = await this.epochs.inTurn(
      header.keyEpochId,
      async () => this.epochs.posted(header, step) ?? this.runStep(header, step, roster),
    );
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

  private async runStep(header: KeyEpochHeader, step: string, roster: readonly RosterEntry[]): Promise<CeremonyPost> {
    const place = { keyEpochId: header.keyEpochId, headerSha256: headerDigest(header), roster };
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
        : await messagesOf(await this.link.inbox(header.keyEpochId, before), place, this.site, this.keys.box);
    const post = await postOf(epoch.runDkgStep(step, inbox), step, place, this.site, this.keys.signer);
    this.epochs.save(header, roster, epoch, step, post);
    return post;
  }
}

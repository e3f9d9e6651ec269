/** The messages of a key ceremony as they travel: signed by their senders, sealed to their readers. */
import { CodedError, PROTOCOL, ceremonyStatement, isFor, type CeremonyPost, type RosterEntry } from '@koinon/contracts';
import { headerDigest, type CeremonyMessage, type KeyEpochHeader } from '@koinon/he';
import { keyFingerprintOf, sha256Hex, signStatement, verifyStatement, type Signer } from '@koinon/signing';
import { SealedBox } from '../link/sealed-box.js';

/** The ceremony that a message belongs to, and who may send in it. */
export interface CeremonyPlace {
  readonly keyEpochId: string;
  readonly headerSha256: string;
  readonly roster: readonly RosterEntry[];
}

/**
 * What the posts of a step say to `site`: signed by members of the roster for this ceremony, whole, and unsealed.
 * @throws CodedError SIGNATURE_INVALID, BLOCK_DIGEST_MISMATCH naming the sender
 */
export async function messagesOf(
  inbox: readonly CeremonyPost[],
  { keyEpochId, headerSha256, roster }: CeremonyPlace,
  site: string,
  box: SealedBox,
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
    const wanted = statement.messages.filter((message) => isFor(site, from, message));
    if (bodies.length !== wanted.length) throw new CodedError('BLOCK_DIGEST_MISMATCH', from);
    for (const [index, { to, sha256 }] of wanted.entries()) {
      const body = bodies[index]!;
      if ((await sha256Hex(body)) !== sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH', from);
      all.push(
        to === undefined
          ? { step, from, body }
          : { step, from, to, body: await box.unseal(body, { headerSha256, step, from, to }) },
      );
    }
  }
  return all;
}

/** A site's messages of a step as it posts them: sealed where they are for one reader, under one signature. */
export async function postOf(
  messages: readonly CeremonyMessage[],
  step: string,
  { keyEpochId, headerSha256, roster }: CeremonyPlace,
  site: string,
  signer: Signer,
): Promise<CeremonyPost> {
  const bodies = await Promise.all(
    messages.map(async ({ to, body }) => {
      if (to === undefined) return body;
      const recipient = roster.find((r) => r.site === to)!.sealingKey;
      return SealedBox.seal(recipient, body, { headerSha256, step, from: site, to });
    }),
  );
  const signed = await Promise.all(
    messages.map(async ({ to }, i) => ({ ...(to === undefined ? {} : { to }), sha256: await sha256Hex(bodies[i]!) })),
  );
  const statement = { protocol: PROTOCOL, keyEpochId, headerSha256, site, step, messages: signed };
  return { statement: await signStatement(ceremonyStatement.type, statement, signer), bodies };
}

/** The digest a site confirmed in the last step; null unless it signed exactly one, of this epoch under this header. */
export async function confirmedBy(
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

import { randomUUID } from 'node:crypto';
import { ceremonyStatement, type CeremonyPost, type CeremonyStatement } from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { tempDir, type TempDir } from '@koinon/testing';
import { schemes } from '@koinon/he';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, SUM } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';

describe('the agreement of all sites on their transcript', () => {
  const statementOf = ({ statement }: Pick<CeremonyPost, 'statement'>): CeremonyStatement =>
    JSON.parse(Buffer.from(statement.payload, 'base64').toString()) as CeremonyStatement;
  const isOf =
    (site: string, step: string) =>
    (post: CeremonyPost): boolean =>
      statementOf(post).site === site && statementOf(post).step === step;
  const agree = (hospitals: Hospitals, site = 'basel') => hospitals.site(site).ceremony.agreed(KEY_EPOCH);
  /** cleveland's confirmation with changes, signed with its own key. */
  const signed = async (
    hospitals: Hospitals,
    changes: Partial<CeremonyStatement>,
    signer = hospitals.site('cleveland').keys.signer,
  ): Promise<CeremonyPost> => {
    const [post] = hospitals.relay.postsOf('cleveland', 'confirm');
    return {
      ...post!,
      statement: await signStatement(ceremonyStatement.type, { ...statementOf(post!), ...changes }, signer),
    };
  };
  /** The relay shows these in place of cleveland's confirmation. */
  const shows = (hospitals: Hospitals, ...posts: CeremonyPost[]): void => {
    const { relay } = hospitals;
    relay.changeInbox = (inbox) => [...inbox.filter((p) => !isOf('cleveland', 'confirm')(p)), ...posts];
  };
  const expectRefused = async (hospitals: Hospitals, site = 'cleveland') => {
    await expect(agree(hospitals)).rejects.toMatchObject({ code: 'EPOCH_TRANSCRIPT_DIFFERS', detail: site });
    expect(hospitals.site('basel').epochs.ceremony(KEY_EPOCH).agreed).toBe(false);
  };
  let dir: TempDir;
  let hospitals: Hospitals;
  beforeEach(async () => {
    dir = tempDir();
    hospitals = await Hospitals.ready(dir.path, 'one-time-key');
  });
  afterEach(() => dir[Symbol.dispose]());

  it.each(schemes.names)('is found under %s, and asked for once per epoch', async (scheme) => {
    using other = tempDir();
    const all = await Hospitals.ready(other.path, scheme);
    const asked: string[] = [];
    all.relay.changeInbox = (inbox, site) => {
      asked.push(site);
      return inbox;
    };
    for (const site of all.relay.header.roster) await agree(all, site);
    expect(asked).toEqual(all.relay.header.roster);
    await agree(all);
    await all.restart('basel');
    await agree(all);
    await all.upload('basel', SUM, 0, Uint32Array.of(1, 2, 3));
    await agree(all);
    expect(asked).toEqual(all.relay.header.roster);
  });

  it('is refused when one site confirmed another transcript', async () => {
    shows(hospitals, await signed(hospitals, { messages: [{ sha256: sha256('another transcript') }] }));
    await expectRefused(hospitals);
  });

  it('is refused when this site confirmed another transcript than all others', async () => {
    const messages = [{ sha256: sha256('another transcript') }];
    const posts = await Promise.all(
      ['cleveland', 'hungary'].map(async (site) =>
        signed(hospitals, { site, messages }, hospitals.site(site).keys.signer),
      ),
    );
    hospitals.relay.changeInbox = (inbox) => [...inbox.filter(isOf('basel', 'confirm')), ...posts];
    await expectRefused(hospitals);
  });

  it('is refused when one confirmation is missing, this site’s own among them', async () => {
    shows(hospitals);
    await expectRefused(hospitals);
    hospitals.relay.changeInbox = (inbox) => inbox.filter((p) => !isOf('basel', 'confirm')(p));
    await expectRefused(hospitals, 'basel');
  });

  it('is refused when a confirmation is forged', async () => {
    const [genuine] = hospitals.relay.postsOf('cleveland', 'confirm');
    const { keyFingerprint } = hospitals.site('cleveland').keys.signer;
    for (const signer of [hospitals.coordinator, hospitals.site('hungary').keys.signer]) {
      const forged = await signed(hospitals, {}, signer);
      shows(hospitals, {
        ...forged,
        statement: { ...forged.statement, signatures: [{ ...forged.statement.signatures[0]!, keyid: keyFingerprint }] },
      });
      await expectRefused(hospitals);
    }
    shows(hospitals, await signed(hospitals, {}, hospitals.coordinator));
    await expectRefused(hospitals);
    shows(hospitals, genuine!);
    await expect(agree(hospitals)).resolves.toBeUndefined();
  });

  it('is refused when a site confirmed twice, also the same', async () => {
    const genuine = await signed(hospitals, {});
    shows(hospitals, genuine, await signed(hospitals, { messages: [{ sha256: sha256('another transcript') }] }));
    await expectRefused(hospitals);
    shows(hospitals, genuine, genuine);
    await expectRefused(hospitals);
  });

  it.each<[string, Partial<CeremonyStatement>]>([
    ['epoch', { keyEpochId: randomUUID() }],
    ['header', { headerSha256: sha256('another') }],
    ['site', { site: 'hungary' }],
    ['step', { step: 'deal' }],
  ])('is refused when a confirmation is about another %s', async (_, changes) => {
    shows(hospitals, await signed(hospitals, changes));
    await expectRefused(hospitals);
  });

  it('is asked for again when it was refused, and not to be had without the epoch', async () => {
    shows(hospitals);
    await expectRefused(hospitals);
    hospitals.relay.changeInbox = (inbox) => inbox;
    await agree(hospitals);
    expect((await hospitals.restart('basel')).epochs.ceremony(KEY_EPOCH).agreed).toBe(true);
    await expect(hospitals.site('basel').ceremony.agreed(randomUUID())).rejects.toMatchObject({
      code: 'SITE_STATE_LOST',
    });
  });
});

import { randomUUID } from 'node:crypto';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CodedError,
  ceremonyStatement,
  framed,
  postHead,
  type CeremonyPost,
  type CeremonyStatement,
} from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { tempDir, type TempDir } from '@koinon/testing';
import { schemes } from '@koinon/he';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, SUM } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';
import { KeyEpochStore } from './key-epoch-store.js';

const values = (seed: number): Uint32Array => Uint32Array.from({ length: 5 }, (_, i) => (seed * 1000 + i * 7) % 65536);
const posted = (hospitals: Hospitals, site: string, step: string): CeremonyPost[] =>
  hospitals.relay.posts.filter((p) => p.site === site && p.step === step).map((p) => p.post);

describe.each(schemes.names)('the key ceremony of %s', (scheme) => {
  it('ends in keys that open a sum, when every site restarts after every step and loses each first answer', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.start(dir.path, scheme);
    const { relay } = hospitals;
    for (const step of relay.steps) {
      for (const site of relay.header.roster) {
        const lost: CeremonyPost[] = [];
        relay.onSend = () => {
          throw new CodedError('COORDINATOR_UNREACHABLE');
        };
        await expect(hospitals.site(site).ceremony.take(hospitals.ceremony(step))).rejects.toThrow(CodedError);
        relay.onSend = () => undefined;
        lost.push((await hospitals.restart(site)).epochs.posted(relay.header, step)!);
        await hospitals.site(site).ceremony.take(hospitals.ceremony(step));
        await (await hospitals.restart(site)).ceremony.take(hospitals.ceremony(step));
        expect(posted(hospitals, site, step)).toEqual([lost[0], lost[0]]);
      }
    }
    for (const [i, site] of relay.header.roster.entries()) {
      await hospitals.restart(site);
      await hospitals.upload(site, SUM, 0, values(i + 1));
    }
    const commitment = await hospitals.freeze(SUM, 0, relay.header.roster);
    for (const site of ['basel', 'cleveland']) await (await hospitals.restart(site)).decryptor.take(commitment);
    const sums = await hospitals.decrypt(SUM, 0, relay.header.roster, ['basel', 'cleveland']);
    expect(sums.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((i) => values(1)[i]! + values(2)[i]! + values(3)[i]!));
  });

  it('never signs a second message of a step: an epoch does not begin again, nor under another header', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme);
    const { relay } = hospitals;
    const before = relay.posts.length;
    const { ceremony } = hospitals.site('basel');
    await expect(ceremony.take(hospitals.ceremony(relay.steps[0]!))).rejects.toMatchObject({
      code: 'STEP_OUT_OF_ORDER',
    });
    await expect(
      ceremony.take(hospitals.ceremony(relay.steps.at(-1)!, { ...relay.header, minUploads: 3 })),
    ).rejects.toMatchObject({ code: 'MESSAGE_CONFLICT' });
    expect(relay.posts).toHaveLength(before);
    await hospitals.upload('basel', SUM, 0, values(1));
  });

  it('is refused by every site when two disjoint groups could decrypt over two lists, whose difference is one hospital', async () => {
    using dir = tempDir();
    const roster = ['basel', 'cleveland', 'hungary', 'long-beach', 'padova', 'zurich'];
    const hospitals = await Hospitals.start(dir.path, scheme, { roster, threshold: 3, minUploads: 3 });
    for (const site of roster) {
      await expect(
        hospitals.site(site).ceremony.take(hospitals.ceremony(hospitals.relay.steps[0]!)),
      ).rejects.toMatchObject({ code: 'HEADER_INVALID' });
    }
    expect(hospitals.relay.posts).toEqual([]);
  });

  it('does not begin an epoch again whose secrets it wiped', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, scheme);
    const before = hospitals.relay.posts.length;
    hospitals.site('basel').epochs.keepOnly([]);
    for (const step of hospitals.relay.steps) {
      await expect((await hospitals.restart('basel')).ceremony.take(hospitals.ceremony(step))).rejects.toMatchObject({
        code: 'SITE_STATE_LOST',
      });
    }
    expect(hospitals.relay.posts).toHaveLength(before);
  });

  it('says that its state is lost when asked to go on with what it never began', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.start(dir.path, scheme);
    await expect(
      hospitals.site('basel').ceremony.take(hospitals.ceremony(hospitals.relay.steps[1]!)),
    ).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
  });
});

describe('what a ceremony costs', () => {
  /** Bytes to every site by the step they were posted in, as the frames of its inboxes. */
  async function bytesPerSite(scheme: string, sites: number): Promise<Record<string, number>> {
    using dir = tempDir();
    const roster = Array.from({ length: sites }, (_, i) => `site-${String(i).padStart(2, '0')}`);
    const majority = Math.floor(sites / 2) + 1;
    const hospitals = await Hospitals.start(dir.path, scheme, { roster, threshold: majority, minUploads: majority });
    const bytes: Record<string, number> = {};
    hospitals.relay.changeInbox = (inbox, site) => {
      const { step } = JSON.parse(Buffer.from(inbox[0]!.statement.payload, 'base64').toString()) as CeremonyStatement;
      if (site === roster[0]) bytes[step] = (bytes[step] ?? 0) + inboxBytes(inbox);
      return inbox;
    };
    for (const step of hospitals.relay.steps)
      for (const site of roster) await hospitals.site(site).ceremony.take(hospitals.ceremony(step));
    await hospitals.site(roster[0]!).ceremony.agreed(KEY_EPOCH);
    return bytes;
  }
  const inboxBytes = (inbox: readonly CeremonyPost[]): number =>
    Buffer.concat([
      ...framed(inbox.flatMap(({ statement, bodies }) => [postHead(statement, bodies.length), ...bodies])),
    ]).length;
  /** A signed statement of so many messages, its head and lengths. */
  const statement = (messages: number): number => 900 + 160 * messages;

  it('is what the others posted to a site or to all, once, and grows with their number alone', async () => {
    const perStep: Record<string, Record<string, number>> = {
      'ckks-threshold': { commit: 48, reveal: 262_224, deal: 131_136, test: 1552, confirm: 48 },
      'one-time-key': { deal: 16_448 + 144, confirm: 48 },
    };
    expect(Object.keys(perStep)).toEqual(schemes.names);
    for (const scheme of schemes.names) {
      const bytes = await bytesPerSite(scheme, 4);
      expect(Object.keys(bytes)).toEqual(Object.keys(perStep[scheme]!));
      for (const [step, body] of Object.entries(perStep[scheme]!)) {
        expect(bytes[step]).toBeGreaterThan(3 * body);
        expect(bytes[step]).toBeLessThan(3 * body + 4 * statement(4));
      }
    }
  });
});

describe('what a site takes from the relay', () => {
  async function afterFirstStep(folder: string): Promise<Hospitals> {
    const hospitals = await Hospitals.start(folder, 'one-time-key');
    for (const site of hospitals.all.keys()) await hospitals.site(site).ceremony.take(hospitals.ceremony('deal'));
    return hospitals;
  }
  const confirm = async (hospitals: Hospitals) =>
    hospitals.site('hungary').ceremony.take(hospitals.ceremony('confirm'));
  const resigned = async (
    hospitals: Hospitals,
    site: string,
    change: (statement: Record<string, unknown>) => Record<string, unknown>,
  ) => {
    const post = hospitals.relay.posts.find((p) => p.site === site)!.post;
    const statement = JSON.parse(Buffer.from(post.statement.payload, 'base64').toString()) as Record<string, unknown>;
    Object.assign(post, {
      statement: await signStatement(ceremonyStatement.type, change(statement), hospitals.site(site).keys.signer),
    });
  };

  it('is refused when it swaps a body', async () => {
    using dir = tempDir();
    const hospitals = await afterFirstStep(dir.path);
    const { post } = hospitals.relay.posts.find((p) => p.site === 'basel')!;
    Object.assign(post, { bodies: [new Uint8Array(10), ...post.bodies.slice(1)] });
    await expect(confirm(hospitals)).rejects.toMatchObject({ code: 'BLOCK_DIGEST_MISMATCH', detail: 'basel' });
  });

  it('is refused when it withholds what was sealed to this site', async () => {
    using dir = tempDir();
    const hospitals = await afterFirstStep(dir.path);
    const { posts } = hospitals.relay;
    const { bodies } = posts[0]!.post;
    for (const left of [[], bodies.slice(0, 1), bodies.slice(1), [...bodies, ...bodies]]) {
      hospitals.relay.changeInbox = (inbox) => inbox.map((p, i) => (i === 0 ? { ...p, bodies: left } : p));
      await expect(confirm(hospitals)).rejects.toMatchObject({ code: 'BLOCK_DIGEST_MISMATCH' });
    }
    hospitals.relay.changeInbox = (inbox) => inbox;
    await expect(confirm(hospitals)).resolves.toBeUndefined();
  });

  it.each(['keyEpochId', 'headerSha256', 'site'])('is refused when a statement speaks of another %s', async (field) => {
    using dir = tempDir();
    const hospitals = await afterFirstStep(dir.path);
    const other = { keyEpochId: randomUUID(), headerSha256: sha256('another'), site: 'cleveland' }[field];
    await resigned(hospitals, 'basel', (statement) => ({ ...statement, [field]: other }));
    await expect(confirm(hospitals)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('is refused when somebody outside the roster, or a site under another’s key, signed it', async () => {
    using dir = tempDir();
    const hospitals = await afterFirstStep(dir.path);
    const { post } = hospitals.relay.posts.find((p) => p.site === 'basel')!;
    const genuine = post.statement;
    Object.assign(post, {
      statement: { ...genuine, signatures: [{ ...genuine.signatures[0]!, keyid: 'f'.repeat(64) }] },
    });
    await expect(confirm(hospitals)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    Object.assign(post, {
      statement: {
        ...genuine,
        signatures: [{ ...genuine.signatures[0]!, keyid: hospitals.site('cleveland').keys.signer.keyFingerprint }],
      },
    });
    await expect(confirm(hospitals)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('is refused when the roster of the keys is not that of the header, and pins nothing then', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.start(dir.path, 'one-time-key');
    const assignment = hospitals.ceremony('deal');
    const roster = assignment.roster.toReversed();
    await expect(hospitals.site('basel').ceremony.take({ ...assignment, roster })).rejects.toMatchObject({
      code: 'ROSTER_CHANGED',
    });
    expect(readdirSync(join(dir.path, 'basel'))).not.toContain('roster.json');
    expect(hospitals.relay.posts).toEqual([]);
  });

  it('never holds a share in the clear', async () => {
    using dir = tempDir();
    const hospitals = await afterFirstStep(dir.path);
    const { post } = hospitals.relay.posts.find((p) => p.site === 'basel')!;
    const messages = (
      JSON.parse(Buffer.from(post.statement.payload, 'base64').toString()) as { messages: { to?: string }[] }
    ).messages;
    for (const [i, { to }] of messages.entries()) {
      // A body of the scheme begins with its name; a sealed one with random bytes.
      expect(Buffer.from(post.bodies[i]!).subarray(0, 4).toString('latin1') === 'KNHE').toBe(to === undefined);
    }
    expect(messages.filter(({ to }) => to !== undefined)).toHaveLength(2);
  });
});

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
    const [post] = posted(hospitals, 'cleveland', 'confirm');
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
    await all.upload('basel', SUM, 0, values(1));
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
    const [genuine] = posted(hospitals, 'cleveland', 'confirm');
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

describe('the stored state of an epoch', () => {
  it('holds the keys of the roster as the ceremony checked them', async () => {
    using dir = tempDir();
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    const { header, roster, epoch } = await (await hospitals.restart('basel')).epochs.restore(KEY_EPOCH);
    using open = epoch;
    expect(roster).toEqual(hospitals.roster);
    expect(header).toEqual(hospitals.relay.header);
    expect(open).toBeDefined();
  });

  it('is readable by this node alone, and forgets what a killed writer left', async () => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    const folder = join(dir.path, 'basel', 'epochs');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, `${KEY_EPOCH}.epoch`)).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, `${KEY_EPOCH}.epoch.1.new`), 'secrets of a killed process');
    void new KeyEpochStore(folder, 'basel');
    expect(readdirSync(folder)).toEqual([`${KEY_EPOCH}.epoch`]);
  });

  it('is gone when four newer epochs have come', async () => {
    using dir = tempDir();
    const ids = Array.from({ length: 5 }, (_, i) => `00000000-0000-4000-8000-0000000000a${i}`);
    const folder = join(dir.path, 'basel', 'epochs');
    for (const [i, keyEpochId] of ids.entries()) {
      const hospitals = await Hospitals.start(dir.path, 'one-time-key', { keyEpochId });
      await hospitals.site('basel').ceremony.take(hospitals.ceremony('deal'));
      utimesSync(join(folder, `${keyEpochId}.epoch`), i, i);
    }
    expect(readdirSync(folder).toSorted()).toEqual([`${ids[0]}.over`, ...ids.slice(1).map((id) => `${id}.epoch`)]);
    await expect(new KeyEpochStore(folder, 'basel').restore(ids[0]!)).rejects.toMatchObject({
      code: 'SITE_STATE_LOST',
    });
  });

  it.each([0, 3, 40, 2000])('is lost, not guessed, when %i bytes of it are left', async (length) => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    const folder = join(dir.path, 'basel', 'epochs');
    writeFileSync(join(folder, `${KEY_EPOCH}.epoch`), Buffer.alloc(length, 1));
    const store = new KeyEpochStore(folder, 'basel');
    await expect(store.restore(KEY_EPOCH)).rejects.toMatchObject({ code: 'SITE_STATE_LOST' });
    expect(store.sumIds()).toEqual([]);
  });

  it('of one site is of no use to another', async () => {
    using dir = tempDir();
    await Hospitals.ready(dir.path, 'one-time-key');
    await expect(
      new KeyEpochStore(join(dir.path, 'basel', 'epochs'), 'hungary').restore(KEY_EPOCH),
    ).rejects.toMatchObject({
      code: 'STATE_INVALID',
    });
  });
});

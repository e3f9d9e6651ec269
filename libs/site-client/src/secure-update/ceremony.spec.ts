import { CodedError, framed, postHead, type CeremonyPost, type CeremonyStatement } from '@koinon/contracts';
import { tempDir } from '@koinon/testing';
import { schemes } from '@koinon/he';
import { describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, SUM } from '../testing/hospitals.js';

const values = (seed: number): Uint32Array => Uint32Array.from({ length: 5 }, (_, i) => (seed * 1000 + i * 7) % 65536);

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
        expect(hospitals.relay.postsOf(site, step)).toEqual([lost[0], lost[0]]);
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

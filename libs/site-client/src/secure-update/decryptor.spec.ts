import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  CodedError,
  PROTOCOL,
  decryptionShareStatement,
  uploadStatement,
  type AssignmentOf,
  type AggregationCommitment,
  type Envelope,
  type Opening,
  type UploadStatement,
} from '@koinon/contracts';
import { verifyStatement, signStatement, type Signer } from '@koinon/signing';
import { schemes } from '@koinon/he';
import { tempDir } from '@koinon/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEY_EPOCH, Hospitals, OTHER_SUM, SUM, newSigner } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';

const ALL = ['basel', 'cleveland', 'hungary'];
const values = (seed: number): Uint32Array => Uint32Array.from({ length: 20_000 }, (_, i) => (seed * 1000 + i) % 65536);
const refused = expect.objectContaining({ code: 'SHARE_REFUSED' }) as Error;

describe.each(schemes.names)('a decryption share of %s', (scheme) => {
  const dir = tempDir();
  let hospitals: Hospitals;
  beforeAll(async () => {
    hospitals = await Hospitals.ready(dir.path, scheme);
    for (const [i, site] of ALL.entries()) await hospitals.upload(site, SUM, 0, values(i + 1));
  });
  afterAll(() => dir[Symbol.dispose]());
  beforeEach(async () => {
    const { relay } = hospitals;
    relay.changeOpening = (opening) => opening;
    relay.sums.clear();
    relay.sums.set(SUM, await relay.add(SUM, ALL));
    relay.shares.length = 0;
  });

  const ask = (commitment: AssignmentOf<'decrypt'>) => hospitals.site('basel').decryptor.take(commitment);
  const closed = (changes: Partial<AggregationCommitment> = {}) => hospitals.freeze(SUM, 0, ALL, changes);
  const roots = async (): Promise<AggregationCommitment['uploads']> => {
    const { commitment } = await closed();
    return (JSON.parse(Buffer.from(commitment.payload, 'base64').toString()) as AggregationCommitment).uploads;
  };
  /** Refused, nothing sent, and, but for what the scheme itself refuses, the one share not spent. */
  const expectRefused = async (commitment: AssignmentOf<'decrypt'>, error: Error = refused) => {
    await expect(ask(commitment)).rejects.toThrow(error);
    expect(hospitals.relay.shares).toEqual([]);
  };

  it('is refused for a commitment signed with another key', async () => {
    await expectRefused(
      await hospitals.freeze(SUM, 0, ALL, {}, await newSigner()),
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }),
    );
    await expectRefused(
      await hospitals.freeze(SUM, 0, ALL, {}, hospitals.site('cleveland').keys.signer),
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }),
    );
  });

  it('is refused for fewer uploads than agreed, a single victim’s among them, and for one upload listed twice', async () => {
    const [own, second] = await roots();
    await expectRefused(await closed({ uploads: [] }));
    await expectRefused(await closed({ uploads: [own!] }));
    await expectRefused(await closed({ uploads: [second!] }));
    await expectRefused(await closed({ uploads: [own!, own!, own!] }));
  });

  it('is refused when the site’s own upload is missing, swapped or changed', async () => {
    const [own, second, third] = await roots();
    await expectRefused(await closed({ uploads: [second!, third!] }));
    await expectRefused(await closed({ uploads: [{ site: 'basel', root: second!.root }, second!, third!] }));
    await expectRefused(await closed({ uploads: [{ ...own!, root: sha256('x') }, second!, third!] }));
  });

  it('is refused for another sum, epoch, index or length than this site encrypted for', async () => {
    await expectRefused(await closed({ sumIndex: 1 }));
    await expectRefused(await closed({ blocks: 1 }));
    await expectRefused(await closed({ sumId: OTHER_SUM }));
    await expectRefused(await closed({ keyEpochId: OTHER_SUM }));
    await expectRefused({ ...(await closed()), sumId: OTHER_SUM });
    await expectRefused(
      { ...(await closed()), keyEpochId: OTHER_SUM },
      expect.objectContaining({ code: 'SITE_STATE_LOST' }),
    );
  });

  it('is refused to a site that is not one of the decryptors', async () => {
    await expectRefused(await closed({ decryptors: ['cleveland', 'hungary'] }));
  });

  it('is refused when the sum is one hospital’s ciphertext', async () => {
    hospitals.relay.sums.set(SUM, hospitals.relay.uploadsOf(SUM).get('cleveland')!);
    await expectRefused(
      await closed(),
      expect.objectContaining({ code: expect.stringMatching(/SPOT_CHECK_FAILED|SHARE_REFUSED/) }),
    );
  });

  it('is refused when the sum leaves a listed upload out', async () => {
    hospitals.relay.sums.set(SUM, await hospitals.relay.add(SUM, ['basel', 'cleveland']));
    await expectRefused(await closed(), expect.objectContaining({ code: 'SPOT_CHECK_FAILED' }));
  });

  it('is refused when a block of the sum is not the committed one', async () => {
    const genuine = await closed();
    const [first, ...rest] = hospitals.relay.sums.get(SUM)!;
    const tampered = new Uint8Array(first!);
    tampered[tampered.length - 1]! ^= 1;
    // The openings still show the committed blocks with their proofs; only what is to be decrypted differs.
    const openings: Opening[] = [];
    for (let index = 0; index <= rest.length; index++)
      openings[index] = await hospitals.relay.linkOf('basel').opening(SUM, index);
    hospitals.relay.sums.set(SUM, [tampered, ...rest]);
    hospitals.relay.changeOpening = ({ index }) => openings[index]!;
    await expectRefused(genuine);
  });

  it.each<[string, (opening: Opening) => Opening]>([
    ['withholds an upload', (o) => ({ ...o, uploads: o.uploads.slice(1) })],
    [
      'shows another block of an upload',
      (o) => ({ ...o, uploads: o.uploads.map((u, i) => (i === 1 ? { ...u, block: o.uploads[2]!.block } : u)) }),
    ],
    [
      'gives a wrong proof of an upload',
      (o) => ({
        ...o,
        uploads: o.uploads.map((u, i) => (i === 1 ? { ...u, proof: u.proof.map(() => 'ab'.repeat(32)) } : u)),
      }),
    ],
    ['gives a wrong proof of the sum', (o) => ({ ...o, sum: { ...o.sum, proof: [] } })],
    [
      'gives the proofs of another index',
      (o) => ({ ...o, sum: { ...o.sum, proof: o.sum.proof.toReversed().concat('00'.repeat(32)) } }),
    ],
  ])('is refused when the coordinator %s', async (_, change) => {
    hospitals.relay.changeOpening = change;
    await expectRefused(
      await closed(),
      expect.objectContaining({ code: expect.stringMatching(/SPOT_CHECK_FAILED|SHARE_REFUSED/) }),
    );
  });

  describe('of an upload that its site did not sign as listed', () => {
    /** What cleveland would have signed, but for the changes. */
    const signed = async (
      changes: Partial<UploadStatement>,
      signer: Signer = hospitals.site('cleveland').keys.signer,
    ): Promise<Envelope> => {
      const { root } = (await roots()).find(({ site }) => site === 'cleveland')!;
      const statement: UploadStatement = {
        protocol: PROTOCOL,
        sumId: SUM,
        site: 'cleveland',
        blocks: hospitals.relay.sums.get(SUM)!.length,
        root,
        ...changes,
      };
      return signStatement(uploadStatement.type, statement, signer);
    };
    const clevelands = async (envelopes: Envelope[], extra: Partial<AggregationCommitment> = {}) => {
      const commitment = await closed(extra);
      return { ...commitment, uploads: [...hospitals.relay.signedUploads(SUM, ['basel', 'hungary']), ...envelopes] };
    };
    const expectNamed = async (commitment: AssignmentOf<'decrypt'>, site = 'cleveland') => {
      await expectRefused(
        commitment,
        expect.objectContaining({ code: 'SHARE_REFUSED', detail: expect.stringContaining(site) }),
      );
      expect(readdirSync(join(dir.path, 'basel')), 'the one share is not spent').not.toContain('shares');
    };

    it('is refused when the statement is missing', async () => {
      await expectNamed(await clevelands([]));
      await expectNamed(await clevelands(hospitals.relay.signedUploads(SUM, ['hungary'])));
    });

    it('is refused when another key signed it, also under the key id of the site', async () => {
      const { keyFingerprint } = hospitals.site('cleveland').keys.signer;
      for (const signer of [await newSigner(), hospitals.coordinator, hospitals.site('hungary').keys.signer]) {
        const forged = await signed({}, signer);
        await expectNamed(
          await clevelands([forged, { ...forged, signatures: [{ ...forged.signatures[0]!, keyid: keyFingerprint }] }]),
        );
      }
    });

    it('is refused when it was signed for another sum', async () => {
      await expectNamed(await clevelands([await signed({ sumId: OTHER_SUM })]));
    });

    it('is refused when it was signed with another root', async () => {
      await expectNamed(await clevelands([await signed({ root: sha256('x') })]));
    });

    it('is refused when it was signed with another number of blocks', async () => {
      await expectNamed(await clevelands([await signed({ blocks: hospitals.relay.sums.get(SUM)!.length + 1 })]));
    });

    it('is refused when it was signed in the name of another site', async () => {
      await expectNamed(await clevelands([await signed({ site: 'hungary' })]));
    });

    it('is refused when the site is not one of the epoch', async () => {
      const key = await newSigner();
      const root = sha256('an upload of nobody');
      const listed = [...(await roots()), { site: 'zurich', root }];
      await expectNamed(
        await clevelands([await signed({}), await signed({ site: 'zurich', root }, key)], { uploads: listed }),
        'zurich',
      );
    });
  });

  // Last: from here on the share is spent.
  it('is made once all of that was refused, sent again unchanged, and refused for a second commitment', async () => {
    const { relay } = hospitals;
    const commitment = await closed();
    relay.onSend = () => {
      throw new CodedError('COORDINATOR_UNREACHABLE');
    };
    await expect(ask(commitment)).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
    relay.onSend = () => undefined;
    for (const uploads of [commitment.uploads, commitment.uploads.toReversed()])
      await (await hospitals.restart('basel')).decryptor.take({ ...commitment, uploads });
    const [one, two] = relay.shares;
    expect(one!.share).toEqual(two!.share);
    expect(one!.share).toHaveLength(
      schemes.named(scheme).layout(relay.header).decryptionShareBytes(relay.sums.get(SUM)!.length),
    );
    const statement = await verifyStatement(
      relay.statements.at(-1)!,
      decryptionShareStatement.type,
      decryptionShareStatement.schema,
      hospitals.site('basel').entry.identityKey,
    );
    expect(statement).toMatchObject({
      site: 'basel',
      sumId: SUM,
      shareSha256: sha256(one!.share),
      commitmentSha256: sha256(Buffer.from(commitment.commitment.payload, 'base64')),
      blocksChecked: Math.min(8, relay.sums.get(SUM)!.length),
    });

    relay.shares.length = 0;
    await expectRefused(await closed({ decryptors: ['basel', 'hungary'] }));
    relay.sums.set(SUM, await relay.add(SUM, ['basel', 'cleveland']));
    await expectRefused(await hospitals.freeze(SUM, 0, ['basel', 'cleveland']));
  });

  it('cannot be made again even by somebody who deletes the record of it: the state has spent the sum', async () => {
    rmSync(join(dir.path, 'basel', 'shares'), { recursive: true });
    await hospitals.restart('basel');
    await expectRefused(await closed(), expect.objectContaining({ code: 'DECRYPTION_SHARE_ALREADY_MADE' }));
  });

  it('of the two sites opens the sum', async () => {
    using fresh = tempDir();
    const own = await Hospitals.ready(fresh.path, scheme);
    for (const [i, site] of ALL.entries()) await own.upload(site, SUM, 0, values(i + 1));
    const commitment = await own.freeze(SUM, 0, ALL);
    for (const site of ['basel', 'cleveland']) await own.site(site).decryptor.take(commitment);
    const sums = await own.decrypt(SUM, 0, ALL, ['basel', 'cleveland']);
    const [one, two, three] = [values(1), values(2), values(3)];
    expect(sums.slice(0, 20_000)).toEqual([...one].map((v, i) => v + two[i]! + three[i]!));
    expect(own.site('basel').uploader.made(KEY_EPOCH, SUM)).not.toBeNull();
  });
});

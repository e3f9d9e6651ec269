import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ceremonyStatement } from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { Hospitals } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';

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

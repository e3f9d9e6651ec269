import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { CodedError } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listOf, KEY_EPOCH, Hospitals, OTHER_SUM, SUM, sha256 } from '@koinon/site-client/testing';
import { taskOfSum } from '../testing/enrolled-node.fixture.js';
import { EdgeAgent } from '../testing/edge-agent.js';

const model = new TextEncoder().encode('a model');
const train = taskOfSum('fit');

describe('what an agent answers to a sum', () => {
  let edge: EdgeAgent;
  beforeEach(async () => {
    edge = await EdgeAgent.enrolled();
  });
  afterEach(() => edge[Symbol.asyncDispose]());
  const asked = (part: string): number => edge.coordinator.requests.filter(({ path }) => path.includes(part)).length;
  /** A refused sum is not assigned again, as the coordinator does it. */
  const untilRefused = async (): Promise<void> => {
    await vi.waitFor(() => expect(edge.refusals()).not.toEqual([]), 5000);
    edge.coordinator.assign();
  };
  /** Every file below a folder that holds these bytes. */
  const holding = (needle: Uint8Array): string[] =>
    readdirSync(edge.home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file).includes(Buffer.from(needle)));
  /** The end of this node's key share in its stored state: behind the head, the prefix and three other sections. */
  const endOfKeyShare = (): Buffer => {
    const bytes = readFileSync(join(edge.home, 'epochs', `${KEY_EPOCH}.epoch`));
    let at = 4 + bytes.readUInt32LE(0) + 18;
    for (let section = 0; section < 3; section++) at += 4 + bytes.readUInt32LE(at);
    return bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)).subarray(-64);
  };

  it('looks at no record for an epoch that not every site confirmed alike', async () => {
    await edge.ceremony((posts) => posts.slice(0, -1));
    edge.coordinator.assign(train, taskOfSum('evaluate', {}, { sumId: OTHER_SUM, sumIndex: 1 }));
    await edge.start();
    await vi.waitFor(() => expect(edge.refusals().length).toBeGreaterThanOrEqual(2), 5000);
    edge.coordinator.assign();
    const code = 'EPOCH_TRANSCRIPT_DIFFERS';
    expect(edge.refusals().slice(0, 2)).toEqual([
      { subject: 'sum', id: SUM, code },
      { subject: 'sum', id: OTHER_SUM, code },
    ]);
    expect(edge.log).toHaveBeenCalledWith(
      expect.objectContaining({ level: 'error', code, message: expect.stringContaining('hungary') }),
    );
    expect(asked('/blobs/')).toBe(0);
  });

  it.each(schemes.names)('keeps nothing secret of an epoch that is over, and what is not over (%s)', async (scheme) => {
    const hospitals = await Hospitals.ready(edge.dir.path, scheme);
    const { roster } = hospitals.relay.header;
    for (const site of roster) await hospitals.upload(site, SUM, 0, Uint32Array.of(1, 2, 3));
    await hospitals.site('cleveland').decryptor.take(await hospitals.freeze(SUM, 0, roster));
    const secrets = [
      endOfKeyShare(),
      hospitals.relay.uploadsOf(SUM).get('cleveland')![0]!,
      hospitals.relay.shares[0]!.share,
    ];
    expect(secrets.every((secret) => secret.some((byte) => byte !== 0) && holding(secret).length > 0)).toBe(true);

    let keyEpochs = [KEY_EPOCH];
    edge.coordinator.answer = ({ path }) =>
      path.startsWith('/v1/site/assignments') ? listOf([], keyEpochs) : undefined;
    await edge.start();
    await vi.waitFor(() => expect(edge.polls()).toBeGreaterThan(2), 5000);
    expect(secrets.every((secret) => holding(secret).length > 0)).toBe(true);
    keyEpochs = [randomUUID()];
    await vi.waitFor(() => expect(secrets.flatMap(holding)).toEqual([]), 5000);
    // That a share of this sum was made stays known: no other is ever made.
    expect(readdirSync(join(edge.home, 'shares'))).toEqual([`${SUM}.intent`]);
    expect(readdirSync(join(edge.home, 'epochs'))).toEqual([`${KEY_EPOCH}.over`]);
  });

  it('asks once per epoch whether every site confirmed it', async () => {
    await edge.ceremony();
    edge.coordinator.assign(train, { ...train, sumId: OTHER_SUM, sumIndex: 1 });
    await edge.start();
    await vi.waitFor(() => expect(edge.refusals().length).toBeGreaterThanOrEqual(2), 5000);
    edge.coordinator.assign();
    expect(edge.refusals().slice(0, 2)).toMatchObject([
      { id: SUM, code: 'NOT_FOUND' },
      { id: OTHER_SUM, code: 'NOT_FOUND' },
    ]);
    expect(asked('/inbox')).toBe(1);
  });

  it('tells a permanent failure as a code and nothing else', async () => {
    await edge.ceremony();
    edge.coordinator.assign(train);
    await edge.start();
    await untilRefused();
    expect(edge.refusals()[0]).toEqual({ subject: 'sum', id: SUM, code: 'NOT_FOUND' });
  });

  it('tells nothing of data it cannot read but that', async () => {
    await edge.ceremony();
    const schema = new TextEncoder().encode('{}');
    for (const blob of [schema, model]) edge.coordinator.blobs.set(sha256(blob), blob);
    edge.coordinator.assign(taskOfSum('fit', { recordsSchemaSha256: sha256(schema), modelSha256: sha256(model) }));
    await edge.start({
      ...edge.node.config,
      data: { ...edge.node.config.data, file: join(edge.home, 'patients.data') },
    });
    await untilRefused();
    expect(edge.refusals()[0]).toEqual({ subject: 'sum', id: SUM, code: 'SITE_DATA_INVALID' });
    for (const { body } of edge.coordinator.requests) expect(body.toString()).not.toMatch(/patients|ENOENT|\/tmp/);
  });

  it.each<[string, () => unknown]>([
    [
      'breaks off in the middle of a blob',
      () => (r: ServerResponse) => r.writeHead(200, { 'content-length': '100' }).write('half', () => r.destroy()),
    ],
    [
      'restarts',
      () => {
        throw new CodedError('DATABASE_UNREACHABLE');
      },
    ],
    [
      'fails',
      () => {
        throw new Error('a defect of the coordinator');
      },
    ],
  ])('asks again, and refuses nothing, when the coordinator %s', async (_, failure) => {
    await edge.ceremony();
    const { answer } = edge.coordinator;
    let failures = 0;
    edge.coordinator.answer = (request) =>
      request.path.includes('/blobs/') && ++failures <= 2 ? failure() : answer(request);
    edge.coordinator.assign(train);
    await edge.start();
    await vi.waitFor(() => expect(failures).toBeGreaterThan(2), 5000);
    await untilRefused();
    expect(edge.refusals()[0]).toMatchObject({ code: 'NOT_FOUND' });
    expect(edge.log.mock.calls.filter(([entry]) => entry['level'] === 'warn')).toHaveLength(2);
  });
});

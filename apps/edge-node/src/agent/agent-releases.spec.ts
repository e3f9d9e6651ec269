import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import {
  CodedError,
  PROTOCOL,
  aggregationCommitmentStatement,
  type AssignmentOf,
  type ReleaseStatement,
} from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { freePort } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCoordinator, KEY_EPOCH, SUM, newSigner, sha256 } from '@koinon/site-client/testing';
import { releaseOf } from '../testing/enrolled-node.fixture.js';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { EdgeAgent } from '../testing/edge-agent.js';

const model = new TextEncoder().encode('a model');
const newer = new TextEncoder().encode('a newer model');
const digest = sha256('x');
const DAY_MS = 86_400_000;
const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();

describe('the releases of an agent', () => {
  let edge: EdgeAgent;
  beforeEach(async () => {
    edge = await EdgeAgent.enrolled();
  });
  afterEach(() => edge[Symbol.asyncDispose]());
  const share = async (): Promise<AssignmentOf<'decrypt'>> => ({
    kind: 'decrypt',
    keyEpochId: KEY_EPOCH,
    sumId: SUM,
    commitment: await signStatement(
      aggregationCommitmentStatement.type,
      {
        protocol: PROTOCOL,
        sumId: SUM,
        keyEpochId: KEY_EPOCH,
        sumIndex: 0,
        blocks: 1,
        uploads: [],
        sumRoot: digest,
        decryptors: [],
      },
      edge.node.coordinatorSigner,
    ),
    uploads: [],
  });
  const store = (now = Date.now()): ReleaseStore =>
    new ReleaseStore(
      join(edge.home, 'releases'),
      edge.node.coordinatorSigner.publicKey,
      { blob: async () => model },
      365 * DAY_MS,
      () => now,
    );
  const installed = (): Promise<InstalledRelease | null> => store().restore('heart-disease');
  const install = async (changes: Partial<ReleaseStatement> = {}): Promise<void> => {
    const before = store(Date.parse('2026-01-01T00:00:00Z'));
    await before.remember(
      await before.fetch('heart-disease', (await releaseOf(model, 1, edge.node.coordinatorSigner, changes)).release),
    );
  };

  it('serves what it served last while the coordinator is away, and reports when it is back', async () => {
    await install();
    const port = await freePort();
    await edge.start({ ...edge.node.config, coordinatorUrl: `http://127.0.0.1:${port}` });
    await vi.waitFor(() =>
      expect(edge.log).toHaveBeenCalledWith(
        expect.objectContaining({ level: 'warn', code: 'COORDINATOR_UNREACHABLE' }),
      ),
    );
    expect(edge.load).toHaveBeenCalledWith(expect.objectContaining({ version: 1, sha256: sha256(model) }));
    await using back = await FakeCoordinator.start(port);
    back.identityKey = edge.coordinator.identityKey;
    await vi.waitFor(
      () =>
        expect(back.posted('/v1/site/status')).toContainEqual(
          expect.objectContaining({
            serving: [expect.objectContaining({ model: 'heart-disease', version: 1, sha256: sha256(model) })],
          }),
        ),
      5000,
    );
  });

  it('goes on without a release that no longer loads, and takes it again when it is assigned', async () => {
    await install();
    edge.load.mockRejectedValueOnce(new CodedError('MODEL_INVALID', 'MODEL_DIGEST_MISMATCH'));
    edge.coordinator.assign(await releaseOf(model, 1, edge.node.coordinatorSigner));
    await edge.start();
    await vi.waitFor(() => expect(edge.reports().at(-1)).toMatchObject({ serving: [{ version: 1 }] }), 5000);
    expect(edge.reports()[0]).toMatchObject({ serving: [] });
    expect(edge.load).toHaveBeenCalledTimes(2);
  });

  it('serves for the new term when the release it serves is signed again with a later expiry', async () => {
    await install({ expiresAt: '2998-01-01T00:00:00Z' });
    edge.coordinator.assign(await releaseOf(model, 1, edge.node.coordinatorSigner));
    await edge.start();
    await vi.waitFor(
      () => expect(edge.load.mock.lastCall?.[0].signed?.term.expiresAt).toBe(Date.parse('2999-01-01T00:00:00Z')),
      5000,
    );
  });

  it('installs a release: load, then remember, then report', async () => {
    edge.coordinator.blobs.set(sha256(newer), newer);
    await install();
    edge.load.mockImplementation(async () => {
      expect(await installed()).toMatchObject({ version: 1 });
    });
    edge.coordinator.assign(await releaseOf(newer, 2, edge.node.coordinatorSigner));
    await edge.start();
    await vi.waitFor(
      () => expect(edge.reports().at(-1)).toMatchObject({ serving: [{ version: 2 }], requests: 5, p50Ms: 1 }),
      5000,
    );
    expect(await installed()).toMatchObject({ version: 2, releaseCounter: 2 });
  });

  it('keeps the release before when the new one does not load', async () => {
    edge.coordinator.blobs.set(sha256(newer), newer);
    await install();
    edge.load.mockImplementation(async ({ version }) => {
      if (version === 2) throw new CodedError('MODEL_INVALID', 'GOLDEN_MISMATCH');
    });
    edge.coordinator.assign(await releaseOf(newer, 2, edge.node.coordinatorSigner));
    await edge.start();
    await vi.waitFor(() =>
      expect(edge.log).toHaveBeenCalledWith(
        expect.objectContaining({ level: 'error', code: 'MODEL_INVALID', doing: 'release' }),
      ),
    );
    expect(await installed()).toMatchObject({ version: 1 });
    expect(edge.reports().at(-1)).toMatchObject({ serving: [{ version: 1 }] });
  });

  it('lets no bad release, and none of a model it does not serve, hold up its other work', async () => {
    edge.coordinator.assign(
      await releaseOf(model, 1, await newSigner()),
      await releaseOf(model, 1, edge.node.coordinatorSigner, { expiresAt: '2026-01-02T00:00:00Z' }),
      await releaseOf(model, 1, edge.node.coordinatorSigner, { model: 'another' }),
      await share(),
    );
    await edge.start();
    await vi.waitFor(
      () => expect(edge.refusals()).toContainEqual({ subject: 'sum', id: SUM, code: 'SITE_STATE_LOST' }),
      5000,
    );
    await vi.waitFor(() => expect(edge.log).toHaveBeenCalledWith(expect.objectContaining({ code: 'RELEASE_EXPIRED' })));
    expect(edge.load).not.toHaveBeenCalled();
    expect(edge.coordinator.requests.some((r) => r.path.includes('/blobs/'))).toBe(false);
  });

  it('settles with two models when it serves both, and says of a third that it is not meant to', async () => {
    const [wards, third] = [
      await releaseOf(newer, 4, edge.node.coordinatorSigner, { model: 'wards' }),
      await releaseOf(model, 1, edge.node.coordinatorSigner, { model: 'third' }),
    ];
    for (const bytes of [model, newer]) edge.coordinator.blobs.set(sha256(bytes), bytes);
    edge.coordinator.assign(await releaseOf(model, 1, edge.node.coordinatorSigner), wards, third);
    await edge.start({ ...edge.node.config, models: ['heart-disease', 'wards'] });
    await vi.waitFor(
      () =>
        expect(edge.reports().at(-1)).toMatchObject({
          serving: [
            { model: 'heart-disease', version: 1, releaseCounter: 1, expired: false },
            { model: 'wards', version: 4, sha256: sha256(newer) },
          ],
          notServing: [{ model: 'third', code: 'MODEL_NOT_CONFIGURED' }],
        }),
      5000,
    );
    expect(edge.load).toHaveBeenCalledTimes(2);
  });

  it('goes on with an expired release for the days its site sets, and says so', async () => {
    await install({ expiresAt: daysAgo(29) });
    await edge.start();
    await vi.waitFor(
      () => expect(edge.reports()[0]).toMatchObject({ serving: [{ version: 1, expired: true }], notServing: [] }),
      5000,
    );
    expect(edge.load).toHaveBeenCalledWith(expect.objectContaining({ version: 1 }));
  });

  it.each<[string, () => Promise<void>]>([
    ['RELEASE_EXPIRED', () => install({ expiresAt: daysAgo(31) })],
    [
      'RELEASE_FILE_DAMAGED',
      () => install().then(() => writeFileSync(join(edge.home, 'releases', `${sha256(model)}.onnx`), 'a modeL')),
    ],
    [
      'RELEASE_RECORD_INVALID',
      () => install().then(() => writeFileSync(join(edge.home, 'releases', 'heart-disease.json'), '{}')),
    ],
  ])('serves nothing of what lies on its disk and tells %s', async (code, prepare) => {
    await prepare();
    await edge.start();
    await vi.waitFor(
      () => expect(edge.reports()[0]).toMatchObject({ serving: [], notServing: [{ model: 'heart-disease', code }] }),
      5000,
    );
    expect(edge.load).not.toHaveBeenCalled();
  });

  it('serves what a store of before holds, and asks for the signed release by saying that it has none', async () => {
    await install();
    writeFileSync(
      join(edge.home, 'releases', 'heart-disease.json'),
      JSON.stringify({ model: 'heart-disease', version: 1, releaseCounter: 1, sha256: sha256(model) }),
    );
    await edge.start();
    await vi.waitFor(
      () =>
        expect(edge.reports()[0]).toMatchObject({ serving: [{ version: 1, releaseCounter: null, expired: false }] }),
      5000,
    );
    edge.coordinator.assign(await releaseOf(model, 1, edge.node.coordinatorSigner));
    await vi.waitFor(
      () => expect(edge.reports().at(-1)).toMatchObject({ serving: [{ version: 1, releaseCounter: 1 }] }),
      5000,
    );
    expect(await installed()).toMatchObject({ signed: { term: { expiresAt: Date.parse('2999-01-01T00:00:00Z') } } });
  });

  it('tells why it does not take a release, and of its clock', async () => {
    edge.coordinator.assign(await releaseOf(model, 1, edge.node.coordinatorSigner, { expiresAt: daysAgo(1) }));
    edge.coordinator.answer = ({ path }) =>
      path === '/v1/site/status'
        ? (r: ServerResponse) => r.writeHead(204, { date: new Date(Date.now() - 2 * DAY_MS).toUTCString() }).end()
        : undefined;
    await edge.start();
    await vi.waitFor(
      () =>
        expect(edge.reports().at(-1)).toMatchObject({
          notServing: [{ model: 'heart-disease', code: 'RELEASE_EXPIRED' }],
          clockAheadMs: expect.any(Number),
        }),
      5000,
    );
  });

  it('does not ask in circles about a release it already serves or never will', async () => {
    await install();
    edge.coordinator.assign(
      await releaseOf(model, 1, edge.node.coordinatorSigner),
      await releaseOf(model, 1, edge.node.coordinatorSigner, { model: 'another' }),
    );
    await edge.start();
    await vi.waitFor(() => expect(edge.reports().at(-1)).toMatchObject({ notServing: [{ model: 'another' }] }), 5000);
    await vi.waitFor(() => expect(edge.coordinator.held).toBe(1), 5000);
    expect(edge.polls()).toBe(2);
    expect(edge.load).toHaveBeenCalledTimes(1);
  });
});

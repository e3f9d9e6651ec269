import { getEventListeners } from 'node:events';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import {
  CodedError,
  PROTOCOL,
  aggregationCommitmentStatement,
  framed,
  postHead,
  type AssignmentOf,
  type CeremonyPost,
  type ReleaseStatement,
  type SiteStatus,
} from '@koinon/contracts';
import { signStatement } from '@koinon/signing';
import { schemes } from '@koinon/he';
import { freePort, tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  FakeCoordinator,
  listOf,
  KEY_EPOCH,
  Hospitals,
  OTHER_SUM,
  SUM,
  newSigner,
  sha256,
} from '@koinon/site-client/testing';
import { enrolledNode, releaseOf, taskOfSum, type EnrolledNode } from '../testing/enrolled-node.fixture.js';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { Agent } from './agent.js';

const model = new TextEncoder().encode('a model');
const newer = new TextEncoder().encode('a newer model');
const digest = sha256('x');
const DAY_MS = 86_400_000;
const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
const train = taskOfSum('fit');

describe('the agent', () => {
  let dir: TempDir;
  let home: string;
  let coordinator: FakeCoordinator;
  let node: EnrolledNode;
  let stopping: AbortController;
  let running: Promise<void>;
  const load = vi.fn<(release: InstalledRelease) => Promise<void>>(async () => undefined);
  const log = vi.fn<(entry: Record<string, unknown>) => void>();
  const start = async (config = node.config): Promise<void> => {
    const side = { url: 'http://127.0.0.1:8000', load, stats: () => ({ requests: 5, p50Ms: 1, p99Ms: null }) };
    running = (await Agent.start(config, side, stopping.signal, log)).run();
  };
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
      node.coordinatorSigner,
    ),
    uploads: [],
  });
  const reports = (): SiteStatus[] => coordinator.posted('/v1/site/status') as SiteStatus[];
  const refusals = (): unknown[] => coordinator.posted('/v1/site/refusals');
  const polls = (): number => coordinator.requests.filter((r) => r.path.startsWith('/v1/site/assignments')).length;
  const store = (now = Date.now()): ReleaseStore =>
    new ReleaseStore(
      join(home, 'releases'),
      node.coordinatorSigner.publicKey,
      { blob: async () => model },
      365 * DAY_MS,
      () => now,
    );
  const installed = (): Promise<InstalledRelease | null> => store().restore('heart-disease');
  const install = async (changes: Partial<ReleaseStatement> = {}): Promise<void> => {
    const before = store(Date.parse('2026-01-01T00:00:00Z'));
    await before.remember(
      await before.fetch('heart-disease', (await releaseOf(model, 1, node.coordinatorSigner, changes)).release),
    );
  };
  /** This node's key ceremony with two other sites, and what the coordinator says of it. */
  const ceremony = async (seen: (inbox: CeremonyPost[]) => CeremonyPost[] = (inbox) => inbox): Promise<void> => {
    const hospitals = await Hospitals.ready(dir.path, 'one-time-key');
    const inbox = seen(await hospitals.relay.linkOf('cleveland').inbox(KEY_EPOCH, 'confirm'));
    const frames = inbox.flatMap(({ statement, bodies }) => [postHead(statement, bodies.length), ...bodies]);
    coordinator.answer = ({ path }) => (path.includes('/inbox') ? Buffer.concat([...framed(frames)]) : undefined);
  };
  const asked = (part: string): number => coordinator.requests.filter(({ path }) => path.includes(part)).length;
  /** A refused sum is not assigned again, as the coordinator does it. */
  const untilRefused = async (): Promise<void> => {
    await vi.waitFor(() => expect(refusals()).not.toEqual([]), 5000);
    coordinator.assign();
  };

  beforeEach(async () => {
    [dir, coordinator, stopping] = [tempDir(), await FakeCoordinator.start(), new AbortController()];
    home = join(dir.path, 'cleveland');
    node = await enrolledNode(home, coordinator);
    load.mockReset().mockResolvedValue(undefined);
    log.mockClear();
  });
  afterEach(async () => {
    stopping.abort();
    await running;
    await coordinator[Symbol.asyncDispose]();
    dir[Symbol.dispose]();
  });

  it('serves what it served last while the coordinator is away, and reports when it is back', async () => {
    await install();
    const port = await freePort();
    await start({ ...node.config, coordinatorUrl: `http://127.0.0.1:${port}` });
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith(expect.objectContaining({ level: 'warn', code: 'COORDINATOR_UNREACHABLE' })),
    );
    expect(load).toHaveBeenCalledWith(expect.objectContaining({ version: 1, sha256: sha256(model) }));
    await using back = await FakeCoordinator.start(port);
    back.identityKey = coordinator.identityKey;
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

  it('says once by code that a report did not arrive, and again once one has in between', async () => {
    const side = { url: 'http://127.0.0.1:8000', load, stats: () => ({ requests: 5, p50Ms: 1, p99Ms: null }) };
    const agent = await Agent.start(node.config, side, stopping.signal, log);
    running = Promise.resolve();
    const logged = (): unknown[] => log.mock.calls.map(([{ level, code, doing }]) => [level, code, doing]);
    const codes = [
      'SIGNATURE_INVALID',
      'SIGNATURE_INVALID',
      'DATABASE_UNREACHABLE',
      'SIGNATURE_INVALID',
      null,
      'SIGNATURE_INVALID',
    ] as const;
    for (const code of codes) {
      coordinator.answer = ({ path }) => {
        if (code && path === '/v1/site/status') throw new CodedError(code);
        return undefined;
      };
      await agent.reporter.reportOrLog();
    }
    expect(logged()).toEqual(
      ['SIGNATURE_INVALID', 'DATABASE_UNREACHABLE', 'SIGNATURE_INVALID'].map((code) => ['warn', code, 'report']),
    );
  });

  it('goes on without a release that no longer loads, and takes it again when it is assigned', async () => {
    await install();
    load.mockRejectedValueOnce(new CodedError('MODEL_INVALID', 'MODEL_DIGEST_MISMATCH'));
    coordinator.assign(await releaseOf(model, 1, node.coordinatorSigner));
    await start();
    await vi.waitFor(() => expect(reports().at(-1)).toMatchObject({ serving: [{ version: 1 }] }), 5000);
    expect(reports()[0]).toMatchObject({ serving: [] });
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('serves for the new term when the release it serves is signed again with a later expiry', async () => {
    await install({ expiresAt: '2998-01-01T00:00:00Z' });
    coordinator.assign(await releaseOf(model, 1, node.coordinatorSigner));
    await start();
    await vi.waitFor(
      () => expect(load.mock.lastCall?.[0].signed?.term.expiresAt).toBe(Date.parse('2999-01-01T00:00:00Z')),
      5000,
    );
  });

  it('installs a release: load, then remember, then report', async () => {
    coordinator.blobs.set(sha256(newer), newer);
    await install();
    load.mockImplementation(async () => {
      expect(await installed()).toMatchObject({ version: 1 });
    });
    coordinator.assign(await releaseOf(newer, 2, node.coordinatorSigner));
    await start();
    await vi.waitFor(
      () => expect(reports().at(-1)).toMatchObject({ serving: [{ version: 2 }], requests: 5, p50Ms: 1 }),
      5000,
    );
    expect(await installed()).toMatchObject({ version: 2, releaseCounter: 2 });
  });

  it('keeps the release before when the new one does not load', async () => {
    coordinator.blobs.set(sha256(newer), newer);
    await install();
    load.mockImplementation(async ({ version }) => {
      if (version === 2) throw new CodedError('MODEL_INVALID', 'GOLDEN_MISMATCH');
    });
    coordinator.assign(await releaseOf(newer, 2, node.coordinatorSigner));
    await start();
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith(
        expect.objectContaining({ level: 'error', code: 'MODEL_INVALID', doing: 'release' }),
      ),
    );
    expect(await installed()).toMatchObject({ version: 1 });
    expect(reports().at(-1)).toMatchObject({ serving: [{ version: 1 }] });
  });

  it('lets no bad release, and none of a model it does not serve, hold up its other work', async () => {
    coordinator.assign(
      await releaseOf(model, 1, await newSigner()),
      await releaseOf(model, 1, node.coordinatorSigner, { expiresAt: '2026-01-02T00:00:00Z' }),
      await releaseOf(model, 1, node.coordinatorSigner, { model: 'another' }),
      await share(),
    );
    await start();
    await vi.waitFor(
      () => expect(refusals()).toContainEqual({ subject: 'sum', id: SUM, code: 'SITE_STATE_LOST' }),
      5000,
    );
    await vi.waitFor(() => expect(log).toHaveBeenCalledWith(expect.objectContaining({ code: 'RELEASE_EXPIRED' })));
    expect(load).not.toHaveBeenCalled();
    expect(coordinator.requests.some((r) => r.path.includes('/blobs/'))).toBe(false);
  });

  it('settles with two models when it serves both, and says of a third that it is not meant to', async () => {
    const [wards, third] = [
      await releaseOf(newer, 4, node.coordinatorSigner, { model: 'wards' }),
      await releaseOf(model, 1, node.coordinatorSigner, { model: 'third' }),
    ];
    for (const bytes of [model, newer]) coordinator.blobs.set(sha256(bytes), bytes);
    coordinator.assign(await releaseOf(model, 1, node.coordinatorSigner), wards, third);
    await start({ ...node.config, models: ['heart-disease', 'wards'] });
    await vi.waitFor(
      () =>
        expect(reports().at(-1)).toMatchObject({
          serving: [
            { model: 'heart-disease', version: 1, releaseCounter: 1, expired: false },
            { model: 'wards', version: 4, sha256: sha256(newer) },
          ],
          notServing: [{ model: 'third', code: 'MODEL_NOT_CONFIGURED' }],
        }),
      5000,
    );
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('goes on with an expired release for the days its site sets, and says so', async () => {
    await install({ expiresAt: daysAgo(29) });
    await start();
    await vi.waitFor(
      () => expect(reports()[0]).toMatchObject({ serving: [{ version: 1, expired: true }], notServing: [] }),
      5000,
    );
    expect(load).toHaveBeenCalledWith(expect.objectContaining({ version: 1 }));
  });

  it.each<[string, () => Promise<void>]>([
    ['RELEASE_EXPIRED', () => install({ expiresAt: daysAgo(31) })],
    [
      'RELEASE_FILE_DAMAGED',
      () => install().then(() => writeFileSync(join(home, 'releases', `${sha256(model)}.onnx`), 'a modeL')),
    ],
    [
      'RELEASE_RECORD_INVALID',
      () => install().then(() => writeFileSync(join(home, 'releases', 'heart-disease.json'), '{}')),
    ],
  ])('serves nothing of what lies on its disk and tells %s', async (code, prepare) => {
    await prepare();
    await start();
    await vi.waitFor(
      () => expect(reports()[0]).toMatchObject({ serving: [], notServing: [{ model: 'heart-disease', code }] }),
      5000,
    );
    expect(load).not.toHaveBeenCalled();
  });

  it('serves what a store of before holds, and asks for the signed release by saying that it has none', async () => {
    await install();
    writeFileSync(
      join(home, 'releases', 'heart-disease.json'),
      JSON.stringify({ model: 'heart-disease', version: 1, releaseCounter: 1, sha256: sha256(model) }),
    );
    await start();
    await vi.waitFor(
      () => expect(reports()[0]).toMatchObject({ serving: [{ version: 1, releaseCounter: null, expired: false }] }),
      5000,
    );
    coordinator.assign(await releaseOf(model, 1, node.coordinatorSigner));
    await vi.waitFor(
      () => expect(reports().at(-1)).toMatchObject({ serving: [{ version: 1, releaseCounter: 1 }] }),
      5000,
    );
    expect(await installed()).toMatchObject({ signed: { term: { expiresAt: Date.parse('2999-01-01T00:00:00Z') } } });
  });

  it('tells why it does not take a release, and of its clock', async () => {
    coordinator.assign(await releaseOf(model, 1, node.coordinatorSigner, { expiresAt: daysAgo(1) }));
    coordinator.answer = ({ path }) =>
      path === '/v1/site/status'
        ? (r: ServerResponse) => r.writeHead(204, { date: new Date(Date.now() - 2 * DAY_MS).toUTCString() }).end()
        : undefined;
    await start();
    await vi.waitFor(
      () =>
        expect(reports().at(-1)).toMatchObject({
          notServing: [{ model: 'heart-disease', code: 'RELEASE_EXPIRED' }],
          clockAheadMs: expect.any(Number),
        }),
      5000,
    );
  });

  it('does not ask in circles about a release it already serves or never will', async () => {
    await install();
    coordinator.assign(
      await releaseOf(model, 1, node.coordinatorSigner),
      await releaseOf(model, 1, node.coordinatorSigner, { model: 'another' }),
    );
    await start();
    await vi.waitFor(() => expect(reports().at(-1)).toMatchObject({ notServing: [{ model: 'another' }] }), 5000);
    await vi.waitFor(() => expect(coordinator.held).toBe(1), 5000);
    expect(polls()).toBe(2);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('does not ask a coordinator in circles that does not wait', async () => {
    coordinator.answer = ({ path }) => (path.startsWith('/v1/site/assignments') ? listOf([], []) : undefined);
    const startedAt = performance.now();
    await start();
    await vi.waitFor(() => expect(polls()).toBeGreaterThan(3), 5000);
    // At least 200 ms lie between two questions, but for the first answer.
    expect(polls()).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 200);
  });

  it('looks at no record for an epoch that not every site confirmed alike', async () => {
    await ceremony((posts) => posts.slice(0, -1));
    coordinator.assign(train, taskOfSum('evaluate', {}, { sumId: OTHER_SUM, sumIndex: 1 }));
    await start();
    await vi.waitFor(() => expect(refusals().length).toBeGreaterThanOrEqual(2), 5000);
    coordinator.assign();
    const code = 'EPOCH_TRANSCRIPT_DIFFERS';
    expect(refusals().slice(0, 2)).toEqual([
      { subject: 'sum', id: SUM, code },
      { subject: 'sum', id: OTHER_SUM, code },
    ]);
    expect(log).toHaveBeenCalledWith(
      expect.objectContaining({ level: 'error', code, message: expect.stringContaining('hungary') }),
    );
    expect(asked('/blobs/')).toBe(0);
  });

  /** Every file below a folder that holds these bytes. */
  const holding = (needle: Uint8Array): string[] =>
    readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file).includes(Buffer.from(needle)));
  /** The end of this node's key share in its stored state: behind the head, the prefix and three other sections. */
  const endOfKeyShare = (): Buffer => {
    const bytes = readFileSync(join(home, 'epochs', `${KEY_EPOCH}.epoch`));
    let at = 4 + bytes.readUInt32LE(0) + 18;
    for (let section = 0; section < 3; section++) at += 4 + bytes.readUInt32LE(at);
    return bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)).subarray(-64);
  };

  it.each(schemes.names)('keeps nothing secret of an epoch that is over, and what is not over (%s)', async (scheme) => {
    const hospitals = await Hospitals.ready(dir.path, scheme);
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
    coordinator.answer = ({ path }) => (path.startsWith('/v1/site/assignments') ? listOf([], keyEpochs) : undefined);
    await start();
    await vi.waitFor(() => expect(polls()).toBeGreaterThan(2), 5000);
    expect(secrets.every((secret) => holding(secret).length > 0)).toBe(true);
    keyEpochs = [randomUUID()];
    await vi.waitFor(() => expect(secrets.flatMap(holding)).toEqual([]), 5000);
    // That a share of this sum was made stays known: no other is ever made.
    expect(readdirSync(join(home, 'shares'))).toEqual([`${SUM}.intent`]);
    expect(readdirSync(join(home, 'epochs'))).toEqual([`${KEY_EPOCH}.over`]);
  });

  it('asks once per epoch whether every site confirmed it', async () => {
    await ceremony();
    coordinator.assign(train, { ...train, sumId: OTHER_SUM, sumIndex: 1 });
    await start();
    await vi.waitFor(() => expect(refusals().length).toBeGreaterThanOrEqual(2), 5000);
    coordinator.assign();
    expect(refusals().slice(0, 2)).toMatchObject([
      { id: SUM, code: 'NOT_FOUND' },
      { id: OTHER_SUM, code: 'NOT_FOUND' },
    ]);
    expect(asked('/inbox')).toBe(1);
  });

  it('tells a permanent failure as a code and nothing else', async () => {
    await ceremony();
    coordinator.assign(train);
    await start();
    await untilRefused();
    expect(refusals()[0]).toEqual({ subject: 'sum', id: SUM, code: 'NOT_FOUND' });
  });

  it('tells nothing of data it cannot read but that', async () => {
    await ceremony();
    const schema = new TextEncoder().encode('{}');
    for (const blob of [schema, model]) coordinator.blobs.set(sha256(blob), blob);
    coordinator.assign(taskOfSum('fit', { recordsSchemaSha256: sha256(schema), modelSha256: sha256(model) }));
    await start({ ...node.config, data: { ...node.config.data, file: join(home, 'patients.data') } });
    await untilRefused();
    expect(refusals()[0]).toEqual({ subject: 'sum', id: SUM, code: 'SITE_DATA_INVALID' });
    for (const { body } of coordinator.requests) expect(body.toString()).not.toMatch(/patients|ENOENT|\/tmp/);
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
    await ceremony();
    const { answer } = coordinator;
    let failures = 0;
    coordinator.answer = (request) =>
      request.path.includes('/blobs/') && ++failures <= 2 ? failure() : answer(request);
    coordinator.assign(train);
    await start();
    await vi.waitFor(() => expect(failures).toBeGreaterThan(2), 5000);
    await untilRefused();
    expect(refusals()[0]).toMatchObject({ code: 'NOT_FOUND' });
    expect(log.mock.calls.filter(([entry]) => entry['level'] === 'warn')).toHaveLength(2);
  });

  it('leaves no listener behind on the signal it is stopped with', async () => {
    coordinator.answer = ({ path }) => {
      if (path.startsWith('/v1/site/assignments')) throw new CodedError('DATABASE_UNREACHABLE');
      return undefined;
    };
    await start();
    await vi.waitFor(() => expect(polls()).toBeGreaterThan(3), 10_000);
    expect(getEventListeners(stopping.signal, 'abort').length).toBeLessThanOrEqual(1);
  });

  it('ends while its question is held open, and while it waits to ask again', async () => {
    await start();
    await vi.waitFor(() => expect(coordinator.held).toBe(1), 5000);
    stopping.abort();
    await running;
    expect(log.mock.calls.filter(([entry]) => entry['level'] === 'warn')).toEqual([]);

    stopping = new AbortController();
    await start({ ...node.config, coordinatorUrl: `http://127.0.0.1:${await freePort()}` });
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith(expect.objectContaining({ code: 'COORDINATOR_UNREACHABLE' })),
    );
    stopping.abort();
    await running;
  });

  it.each<[string, string, () => void]>([
    [
      'LEDGER_UNUSABLE',
      'a ledger that is damaged: budget that is forgotten is spent twice',
      () => writeFileSync(join(home, 'privacy-ledger.json'), '{'),
    ],
    ['LEDGER_MISSING', 'an enrolment whose ledger is gone', () => rmSync(join(home, 'privacy-ledger.json'))],
    ['KEY_UNUSABLE', 'an enrolment whose keys are gone', () => rmSync(join(home, 'keys.json'))],
  ])('does not start with %s on %s', async (code, _, lose) => {
    lose();
    await expect(start()).rejects.toMatchObject({ code });
    running = Promise.resolve();
  });

  it('takes a home of before in which nothing was trained, and none in which keys were agreed on', async () => {
    const before = (): void => {
      rmSync(join(home, 'privacy-ledger.json'));
      writeFileSync(join(home, 'enrolment.json'), JSON.stringify({ coordinatorKey: node.coordinatorSigner.publicKey }));
    };
    before();
    await start();
    expect(readdirSync(home)).toContain('privacy-ledger.json');
    expect(JSON.parse(readFileSync(join(home, 'enrolment.json'), 'utf8'))).toMatchObject({ version: 2 });
    stopping.abort();
    await running;
    before();
    await ceremony();
    await expect(start()).rejects.toMatchObject({ code: 'LEDGER_MISSING' });
    running = Promise.resolve();
  });
});

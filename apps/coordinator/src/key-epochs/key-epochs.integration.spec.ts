import { randomUUID } from 'node:crypto';
import {
  PROTOCOL,
  ceremonyStatement,
  framed,
  postHead,
  readInbox,
  type AssignmentOf,
  type CeremonyStatement,
} from '@koinon/contracts';
import { signStatement, type Signer } from '@koinon/signing';
import { withDatabase, until } from '@koinon/testing';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { startRun, withFederation } from '../testing/federation.fixture.js';
import { type RecordlessSite } from '../testing/recordless-site.fixture.js';
import { freshSigner } from '../testing/signed-requests.fixture.js';
import { digest, tinySpec } from '../testing/tiny-federation.fixture.js';

describe('the relay of a key ceremony', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  let alpha: RecordlessSite;
  let ceremony: AssignmentOf<'ceremony'>;

  beforeAll(async () => {
    await startRun(federation.coordinator, tinySpec());
    alpha = federation.site('alpha');
    ceremony = await until('the ceremony', async () => (await alpha.assignments()).find((a) => a.kind === 'ceremony'));
  });

  const bodies = [new Uint8Array(48).fill(1), new Uint8Array(300_000).fill(2)];
  const signed = async (changes: Partial<CeremonyStatement> = {}, signer: Signer = alpha.link.signer) =>
    signStatement(
      ceremonyStatement.type,
      {
        protocol: PROTOCOL,
        keyEpochId: ceremony.keyEpochId,
        headerSha256: await headerSha256(),
        site: 'alpha',
        step: 'commit',
        messages: [{ sha256: digest(bodies[0]!) }, { to: 'beta', sha256: digest(bodies[1]!) }],
        ...changes,
      } satisfies CeremonyStatement,
      signer,
    );
  const headerSha256 = async (): Promise<string> =>
    (
      await federation.coordinator.query<{ header_sha256: string }>(
        'SELECT header_sha256 FROM key_epochs WHERE id = $1',
        [ceremony.keyEpochId],
      )
    )[0]!.header_sha256;
  const bytesOf = (frames: readonly Uint8Array[]): Uint8Array => Buffer.concat([...framed(frames)]);
  const codeOf = async (response: Response) =>
    response.ok ? response.status : ((await response.json()) as { code: string }).code;
  const path = () => `/v1/site/key-epochs/${ceremony.keyEpochId}/messages`;
  const post = async (bytes: Uint8Array, override = {}) =>
    codeOf(await alpha.link.request('POST', path(), { bytes }, override));
  const inbox = async (step: string, site = alpha) =>
    codeOf(await site.link.request('GET', `/v1/site/key-epochs/${ceremony.keyEpochId}/inbox?step=${step}`));
  const stored = () => federation.coordinator.query('SELECT site FROM key_epoch_messages');

  it('takes no post that is not what its site signed, and goes on taking requests', async () => {
    const head = postHead(await signed(), 2);
    const huge = new Uint8Array(600_000);
    const other = await freshSigner();
    const cases: [string, Uint8Array, object, unknown][] = [
      ['cut short', bytesOf([head, ...bodies]).subarray(0, -1), {}, 'REQUEST_INVALID'],
      ['nothing', new Uint8Array(0), {}, 'REQUEST_INVALID'],
      ['a body too few', bytesOf([postHead(await signed(), 1), bodies[0]!]), {}, 'REQUEST_INVALID'],
      ['a body too many', bytesOf([postHead(await signed(), 3), ...bodies, bodies[0]!]), {}, 'BLOCK_DIGEST_MISMATCH'],
      ['another body', bytesOf([head, bodies[1]!, bodies[0]!]), {}, 'BLOCK_DIGEST_MISMATCH'],
      ['a body larger than any', bytesOf([head, bodies[0]!, huge]), {}, 'BODY_TOO_LARGE'],
      [
        'another request than was signed',
        bytesOf([head, ...bodies]),
        { bodySha256: digest(bodies[0]!) },
        'SIGNATURE_INVALID',
      ],
      ['another signer', bytesOf([postHead(await signed({}, other), 2), ...bodies]), {}, 'SIGNATURE_INVALID'],
      ['a later step', bytesOf([postHead(await signed({ step: 'deal' }), 2), ...bodies]), {}, 'STEP_OUT_OF_ORDER'],
      [
        'an address outside the roster',
        bytesOf([
          postHead(
            await signed({ messages: [{ sha256: digest(bodies[0]!) }, { to: 'omega', sha256: digest(bodies[1]!) }] }),
            2,
          ),
          ...bodies,
        ]),
        {},
        'REQUEST_INVALID',
      ],
    ];
    for (const [what, bytes, override, code] of cases)
      expect([what, await post(bytes, override)]).toEqual([what, code]);
    expect(
      await codeOf(await alpha.link.request('POST', path(), { json: { statement: await signed(), bodies: [] } })),
    ).toBe('REQUEST_INVALID');
    expect(await stored()).toEqual([]);
  });

  it('takes the first post of a step, that one again, and no other, and wakes nobody while others are awaited', async () => {
    const wake = vi.spyOn(federation.coordinator.app.get(JobsService), 'wake');
    const genuine = bytesOf([postHead(await signed(), 2), ...bodies]);
    expect(await post(genuine)).toBe(204);
    expect(await post(genuine)).toBe(204);
    expect(
      await post(bytesOf([postHead(await signed({ messages: [{ sha256: digest(bodies[0]!) }] }), 1), bodies[0]!])),
    ).toBe('MESSAGE_CONFLICT');
    expect(await stored()).toEqual([{ site: 'alpha' }]);
    expect(wake).not.toHaveBeenCalled();
  });

  it('shows a step only when it is over, and only to its roster', async () => {
    for (const step of ['commit', 'confirm', 'no-such-step', '']) expect(await inbox(step)).toBe('STEP_OUT_OF_ORDER');
    const link = `/v1/site/key-epochs/${randomUUID()}/inbox?step=commit`;
    expect(await codeOf(await alpha.link.request('GET', link))).toBe('NOT_FOUND');
    // The others' posts, put where they would arrive.
    const statement = await signed();
    for (const site of ['beta', 'gamma']) {
      await federation.coordinator.change(
        'INSERT INTO key_epoch_messages (key_epoch_id, step, site, statement) VALUES ($1, $2, $3, $4)',
        [
          ceremony.keyEpochId,
          'commit',
          site,
          await signed({ site, messages: [{ to: 'alpha', sha256: digest(bodies[0]!) }] }),
        ],
      );
    }
    await federation.coordinator.change('UPDATE key_epochs SET step_index = 1 WHERE id = $1', [ceremony.keyEpochId]);
    const beta = await readInbox([
      await federation.site('beta').link.bytes(`/v1/site/key-epochs/${ceremony.keyEpochId}/inbox?step=commit`),
    ]);
    expect(beta.map((p) => p.bodies)).toEqual([bodies, [], []]);
    expect(beta[0]!.statement.payload).toBe(statement.payload);
    const gamma = await readInbox([
      await federation.site('gamma').link.bytes(`/v1/site/key-epochs/${ceremony.keyEpochId}/inbox?step=commit`),
    ]);
    expect(gamma.map((p) => p.bodies)).toEqual([[bodies[0]], [], []]);
  });
  it('takes one of two posts of a step that arrive at once and tells the other so', async () => {
    await federation.coordinator.change('UPDATE key_epochs SET step_index = 4 WHERE id = $1', [ceremony.keyEpochId]);
    const writes = federation.coordinator.foundations.database.createQueryRunner();
    await writes.startTransaction();
    await writes.query('LOCK TABLE key_epoch_messages IN SHARE MODE');
    const posts = Promise.all(
      bodies.map(async (body) =>
        post(bytesOf([postHead(await signed({ step: 'deal', messages: [{ sha256: digest(body) }] }), 1), body])),
      ),
    );
    try {
      await until(
        'both to be about to write',
        async () =>
          (
            await federation.coordinator.query(
              "SELECT 1 FROM pg_locks WHERE relation = 'key_epoch_messages'::regclass AND NOT granted",
            )
          ).length === bodies.length,
      );
    } finally {
      await writes.commitTransaction();
      await writes.release();
    }
    expect((await posts).map(String).toSorted()).toEqual(['204', 'MESSAGE_CONFLICT']);
  });
});

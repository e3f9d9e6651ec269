import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  CodedError, ceremonyStatement, fromBase64, openStatement, sha256Hex, toBase64,
  type CeremonyPost, type CeremonyStatement, type Envelope, type Inbox,
} from '@koinon/contracts';
import { sumScheme } from '@koinon/he';
import { In, type DataSource, type EntityManager } from 'typeorm';
import { BLOBS, type BlobStore } from '../blobs/blob-store.js';
import { CONFIG, type Config } from '../config.js';
import { EpochMessageRow, EpochRow, RefusalRow, RoundRow } from '../database/entities.js';
import { becauseOf, byCoordinator } from '../database/transition.js';
import { JobsService } from '../jobs/jobs.service.js';
import { nextEpochStep } from './epoch-state.js';
import { EpochTransitions } from './epoch-transitions.js';

/** Relays the key ceremony. It stores and forwards signed statements; sealed bodies stay sealed. */
@Injectable()
export class EpochsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly transitions: EpochTransitions,
    private readonly jobs: JobsService,
  ) {}

  /** Takes all of a site's messages of the current step; the same statement again is fine, another one is not. */
  async post(epochId: string, site: string, { statement: envelope, bodies }: CeremonyPost): Promise<void> {
    const epoch = await this.database.manager.findOneBy(EpochRow, { id: epochId });
    const entry = epoch?.roster.find((r) => r.site === site);
    if (!epoch || !entry) throw new CodedError('NOT_FOUND');
    const statement = await openStatement(envelope, ceremonyStatement.type, ceremonyStatement.schema, entry.identityKey);
    await this.check(epoch, site, statement);
    const stored = await this.database.manager.findOneBy(EpochMessageRow, { epochId, step: statement.step, site });
    if (stored) {
      if (stored.statement.payload !== envelope.payload) throw new CodedError('MESSAGE_CONFLICT');
      return;
    }
    await this.storeBodies(statement, bodies);
    await this.database.manager.createQueryBuilder().insert().into(EpochMessageRow)
      .values({ epochId, step: statement.step, site, statement: envelope }).orIgnore().execute();
    await this.wake(epoch, `${epochId}-${statement.step}-${site}`);
  }

  /** The statements of earlier steps, of all when the epoch is ready; bodies addressed to another site are left out. */
  async inbox(epochId: string, site: string): Promise<Inbox> {
    const epoch = await this.database.manager.findOneBy(EpochRow, { id: epochId });
    if (!epoch?.roster.some((r) => r.site === site)) throw new CodedError('NOT_FOUND');
    const steps = await this.steps(epoch);
    const over = epoch.state === 'ready' ? steps : steps.slice(0, epoch.stepIndex);
    const rows = await this.database.manager.findBy(EpochMessageRow, { epochId, step: In(over) });
    const post = async (row: EpochMessageRow) => {
      const { messages } = payloadOf(row.statement);
      const body = async ({ to, sha256 }: CeremonyStatement['messages'][number], index: number) =>
        to === undefined || to === site ? toBase64(await this.blobs.get({ key: bodyKey(epochId, row.step, row.site, index), sha256 })) : null;
      return { statement: row.statement, bodies: await Promise.all(messages.map(body)) };
    };
    return { posts: await Promise.all(rows.map(post)) };
  }

  /** One transition inside the driver's transaction; false while the epoch waits. */
  async advance(m: EntityManager, epoch: EpochRow): Promise<boolean> {
    if (epoch.state !== 'running') return false;
    const steps = await this.steps(epoch);
    const messages = await m.findBy(EpochMessageRow, { epochId: epoch.id, step: steps[epoch.stepIndex]! });
    const refusals = await m.findBy(RefusalRow, { subject: 'epoch', subjectId: epoch.id });
    const last = epoch.stepIndex === steps.length - 1;
    const step = nextEpochStep({
      state: epoch.state, roster: epoch.header.roster, steps, stepIndex: epoch.stepIndex, posted: messages.map((r) => r.site),
      refused: refusals.map((r) => r.site), deadlinePassed: epoch.stepDeadlineAt.getTime() <= Date.now(),
      confirmations: last ? messages.map((r) => firstDigest(r.statement)) : [],
    });
    if (!step) return false;
    if (step.to === 'failed') {
      const refusal = refusals.map((r) => `${r.site}: ${r.code}`).join(', ');
      const detail = refusal || step.sites.join(', ') || null;
      return this.transitions.transition(m, epoch.id, 'failed', becauseOf({ code: step.code, detail }), {}, step.sites);
    }
    if (step.to === 'ready') return this.transitions.transition(m, epoch.id, 'ready', byCoordinator());
    const stepIndex = epoch.stepIndex + 1;
    const stepDeadlineAt = new Date(Date.now() + this.config.ceremonyStepMs);
    return this.transitions.transition(m, epoch.id, 'running', byCoordinator({ step: steps[stepIndex] }), { stepIndex, stepDeadlineAt });
  }

  async steps(epoch: EpochRow): Promise<readonly string[]> {
    return (await sumScheme(epoch.header.scheme)).steps;
  }

  private async check(epoch: EpochRow, site: string, statement: CeremonyStatement): Promise<void> {
    if (statement.site !== site || statement.epochId !== epoch.id || statement.headerSha256 !== epoch.headerSha256) throw new CodedError('SIGNATURE_INVALID');
    const steps = await this.steps(epoch);
    const index = steps.indexOf(statement.step);
    if (epoch.state !== 'running' || index < 0 || index > epoch.stepIndex) throw new CodedError('STEP_OUT_OF_ORDER');
    if (statement.messages.some((msg) => msg.to !== undefined && !epoch.header.roster.includes(msg.to))) throw new CodedError('REQUEST_INVALID', 'a message is addressed outside the roster');
  }

  private async storeBodies({ epochId, step, site, messages }: CeremonyStatement, bodies: readonly string[]): Promise<void> {
    if (bodies.length !== messages.length) throw new CodedError('REQUEST_INVALID', 'bodies and signed digests differ in number');
    for (const [index, body] of bodies.entries()) {
      const bytes = fromBase64(body);
      if ((await sha256Hex(bytes)) !== messages[index]!.sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
      await this.blobs.put(bodyKey(epochId, step, site, index), bytes);
    }
  }

  private async wake(epoch: EpochRow, id: string): Promise<void> {
    const round = await this.database.manager.findOneByOrFail(RoundRow, { id: epoch.roundId });
    await this.jobs.enqueue({ name: 'run.advance', data: { runId: round.runId }, id: `advance-${id}` });
  }
}

/** Below it lie the bodies of a ceremony. */
export const ceremonyKey = (epochId: string): string => `epochs/${epochId}`;
const bodyKey = (epochId: string, step: string, site: string, index: number): string => `${ceremonyKey(epochId)}/${step}/${site}/${index}`;

/** A stored statement was verified when it came in. */
const payloadOf = (envelope: Envelope): CeremonyStatement =>
  ceremonyStatement.schema.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')));

/** The digest of a statement's first body: in the last step of the transcript its site saw. */
const firstDigest = (envelope: Envelope): string => payloadOf(envelope).messages[0]!.sha256;

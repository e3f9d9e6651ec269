import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  CodedError,
  ceremonyStatement,
  framed,
  isFor,
  postHead,
  readPost,
  type CeremonyStatement,
  type Envelope,
} from '@koinon/contracts';
import { verifyStatement, sha256Hex } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { KeyEpochMessageRow, KeyEpochRow } from './key-epochs.entities.js';
import { runOf } from '../platform/database/run-lock.js';
import { becauseOf } from '../platform/database/transition.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { bodyKey, payloadOf, stepsOf } from './ceremony.js';
import { KeyEpochTransitions } from './key-epoch-transitions.js';

/** Relays the key ceremony. It stores and forwards signed statements; sealed bodies stay sealed. */
@Injectable()
export class CeremonyRelay {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
    private readonly transitions: KeyEpochTransitions,
    private readonly jobs: JobsService,
  ) {}

  /**
   * Takes all of a site's messages of the current step, one body in memory at a time; the same statement again is fine,
   * another one is not.
   */
  async post(keyEpochId: string, site: string, body: Readable, sha256: string): Promise<void> {
    const hash = createHash('sha256');
    const source = hashed(body, hash);
    try {
      await this.take(keyEpochId, site, source, () => hash.digest('hex') === sha256);
    } finally {
      // What is left is dropped: a request that is left half-read would block its connection for the next one.
      await source.return(undefined);
      body.resume();
    }
  }

  private async take(
    keyEpochId: string,
    site: string,
    source: AsyncIterable<Uint8Array>,
    isWhatWasSigned: () => boolean,
  ): Promise<void> {
    const { statement: envelope, bodies } = await readPost(source);
    const epoch = await this.database.manager.findOneBy(KeyEpochRow, { id: keyEpochId });
    const entry = epoch?.roster.find((r) => r.site === site);
    if (!epoch || !entry) throw new CodedError('NOT_FOUND');
    const statement = await verifyStatement(
      envelope,
      ceremonyStatement.type,
      ceremonyStatement.schema,
      entry.identityKey,
    );
    await this.check(epoch, site, statement);
    if (await this.isStored(statement, envelope)) return;
    await this.storeBodies(statement, bodies);
    if (!isWhatWasSigned()) throw new CodedError('SIGNATURE_INVALID');
    await this.database.manager
      .createQueryBuilder()
      .insert()
      .into(KeyEpochMessageRow)
      .values({ keyEpochId, step: statement.step, site, statement: envelope })
      .orIgnore()
      .execute();
    // Of two posts that arrive at once one was ignored.
    await this.isStored(statement, envelope);
    // The step moves on with its last post: whoever comes last sees all of them.
    const posted = await this.database.manager.countBy(KeyEpochMessageRow, { keyEpochId, step: statement.step });
    if (posted === epoch.roster.length) await this.wake(epoch, `${keyEpochId}-${statement.step}`);
  }

  /**
   * The statements of a step that is over, each with the bodies for this site: what others posted to all or to it. One body
   * is in memory at a time.
   */
  async inbox(keyEpochId: string, site: string, step: string): Promise<AsyncIterable<Uint8Array>> {
    const epoch = await this.database.manager.findOneBy(KeyEpochRow, { id: keyEpochId });
    if (!epoch?.roster.some((r) => r.site === site)) throw new CodedError('NOT_FOUND');
    const steps = stepsOf(epoch);
    const index = steps.indexOf(step);
    const shown = { running: epoch.stepIndex, ready: steps.length, over: steps.length, failed: epoch.stepIndex }[
      epoch.state
    ];
    if (index < 0 || index >= shown) throw new CodedError('STEP_OUT_OF_ORDER');
    const rows = await this.database.manager.find(KeyEpochMessageRow, {
      where: { keyEpochId, step },
      order: { site: 'ASC' },
    });
    return this.framesFor(site, epoch, rows);
  }

  private async *framesFor(
    reader: string,
    epoch: KeyEpochRow,
    rows: readonly KeyEpochMessageRow[],
  ): AsyncGenerator<Uint8Array> {
    for (const { step, site, statement } of rows) {
      const wanted = payloadOf(statement).messages.filter((message) => isFor(reader, site, message));
      yield* framed([postHead(statement, wanted.length)]);
      for (const { sha256 } of wanted)
        yield* framed([await this.show(epoch, { key: bodyKey(epoch.id, step, site, sha256), sha256 })]);
    }
  }

  /** What cannot be shown to its readers is no fault of theirs: the epoch fails now, and with it the sums that it serves. */
  private async show(epoch: KeyEpochRow, ref: BlobRef): Promise<Buffer> {
    return this.blobs.get(ref).catch(async (error: unknown) => {
      if (error instanceof CodedError) {
        const { id } = epoch;
        const why = becauseOf({ code: error.code, detail: 'a message of the key ceremony' });
        await this.database.transaction((tx) => this.transitions.transition(tx, id, 'failed', why));
        await this.wake(epoch, `damaged-${id}`);
      }
      throw error;
    });
  }

  private async check(epoch: KeyEpochRow, site: string, statement: CeremonyStatement): Promise<void> {
    if (statement.site !== site || statement.keyEpochId !== epoch.id || statement.headerSha256 !== epoch.headerSha256)
      throw new CodedError('SIGNATURE_INVALID');
    const steps = stepsOf(epoch);
    const index = steps.indexOf(statement.step);
    if (epoch.state !== 'running' || index < 0 || index > epoch.stepIndex) throw new CodedError('STEP_OUT_OF_ORDER');
    if (statement.messages.some((msg) => msg.to !== undefined && !epoch.header.roster.includes(msg.to)))
      throw new CodedError('REQUEST_INVALID', 'a message is addressed outside the roster');
  }

  /** @throws CodedError MESSAGE_CONFLICT when the site has posted another statement of this step */
  private async isStored({ keyEpochId, step, site }: CeremonyStatement, envelope: Envelope): Promise<boolean> {
    const stored = await this.database.manager.findOneBy(KeyEpochMessageRow, { keyEpochId, step, site });
    if (stored && stored.statement.payload !== envelope.payload) throw new CodedError('MESSAGE_CONFLICT');
    return stored !== null;
  }

  private async storeBodies(
    { keyEpochId, step, site, messages }: CeremonyStatement,
    bodies: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    let stored = 0;
    for await (const body of bodies) {
      const sha256 = await sha256Hex(body);
      if (sha256 !== messages[stored++]?.sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
      await this.blobs.put(bodyKey(keyEpochId, step, site, sha256), body);
    }
    if (stored !== messages.length)
      throw new CodedError('REQUEST_INVALID', 'bodies and signed digests differ in number');
  }

  private async wake(epoch: KeyEpochRow, id: string): Promise<void> {
    await this.jobs.wake(await runOf(this.database.manager, epoch.roundId), id);
  }
}

/** The body as it comes, hashed on the way. A reader that stops early leaves the request standing. */
async function* hashed(body: Readable, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
}

import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, ceremonyStatement, readPost, type CeremonyStatement, type Envelope } from '@koinon/contracts';
import { sha256Hex, verifyStatement } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { BLOBS, type BlobStore } from '../platform/blobs/blob-store.js';
import { runOf } from '../platform/database/run-lock.js';
import { JobsService } from '../platform/jobs/jobs.service.js';
import { bodyKey, stepsOf } from './ceremony.js';
import { KeyEpochMessageRow, KeyEpochRow } from './key-epochs.entities.js';

/** Takes what sites post in a key ceremony. It stores signed statements; sealed bodies stay sealed. */
@Injectable()
export class CeremonyPosts {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(BLOBS) private readonly blobs: BlobStore,
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
    check(epoch, site, statement);
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
    if (posted < epoch.roster.length) return;
    await this.jobs.wake(await runOf(this.database.manager, epoch.roundId), `${keyEpochId}-${statement.step}`);
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
}

/** @throws CodedError SIGNATURE_INVALID, STEP_OUT_OF_ORDER, REQUEST_INVALID */
function check(epoch: KeyEpochRow, site: string, statement: CeremonyStatement): void {
  if (statement.site !== site || statement.keyEpochId !== epoch.id || statement.headerSha256 !== epoch.headerSha256)
    throw new CodedError('SIGNATURE_INVALID');
  const steps = stepsOf(epoch);
  const index = steps.indexOf(statement.step);
  if (epoch.state !== 'running' || index < 0 || index > epoch.stepIndex) throw new CodedError('STEP_OUT_OF_ORDER');
  if (statement.messages.some((msg) => msg.to !== undefined && !epoch.header.roster.includes(msg.to)))
    throw new CodedError('REQUEST_INVALID', 'a message is addressed outside the roster');
}

/** The body as it comes, hashed on the way. A reader that stops early leaves the request standing. */
async function* hashed(body: Readable, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
}

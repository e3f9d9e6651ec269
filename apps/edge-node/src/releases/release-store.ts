import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  CodedError,
  envelopeSchema,
  releaseStatement,
  sha256Schema,
  type Envelope,
  type ReleaseStatement,
} from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import { z } from 'zod';
import { namesIn, readIfThere, removeUnfinished, writeDurably } from '@koinon/service';
import type { CoordinatorLink } from '@koinon/site-client';
import { isOver, type Term } from '@koinon/open-inference';
import { checkOrder } from './release-order.js';

/** The release as the coordinator signed it: nothing else on this disk says what may be served. */
const signedSchema = z.strictObject({ release: envelopeSchema });
/** What stores of before kept. Its digest was signed, but nothing shows that any more: it serves until the release is there again. */
const unsignedSchema = z.strictObject({
  model: z.string(),
  version: z.int(),
  releaseCounter: z.int(),
  sha256: sha256Schema,
});

/** A verified release on disk. */
export interface InstalledRelease {
  readonly model: string;
  readonly version: number;
  readonly releaseCounter: number;
  readonly sha256: string;
  readonly file: string;
  /** The signed release and its term; null in a store of before. */
  readonly signed: { readonly release: Envelope; readonly term: Term } | null;
}

/** Fetches releases, checks them in order (signature → expiry → counter → digest), remembers the newest, and checks it again after a restart. */
export class ReleaseStore {
  constructor(
    private readonly folder: string,
    private readonly coordinatorKey: string,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
    /** How long an installed release is served past its expiry. */
    private readonly servesExpiredMs: number,
    private readonly now: () => number = Date.now,
  ) {
    removeUnfinished(folder);
  }

  /** What this node served last and may serve again without the coordinator. @throws CodedError RELEASE_RECORD_INVALID, RELEASE_EXPIRED, RELEASE_FILE_DAMAGED */
  async restore(model: string): Promise<InstalledRelease | null> {
    const installed = await this.installed(model);
    if (!installed) return null;
    if (isOver(installed.signed?.term ?? null, this.now()))
      throw new CodedError(
        'RELEASE_EXPIRED',
        `${model} version ${installed.version}, for longer than this site serves it`,
      );
    if (!holds(installed.file, installed.sha256))
      throw new CodedError('RELEASE_FILE_DAMAGED', `${model} version ${installed.version}`);
    return installed;
  }

  /** @throws CodedError SIGNATURE_INVALID, RELEASE_EXPIRED, RELEASE_ROLLED_BACK, RELEASE_RECORD_INVALID, BLOCK_DIGEST_MISMATCH */
  async fetch(model: string, envelope: Envelope): Promise<InstalledRelease> {
    const statement = await verifyStatement(
      envelope,
      releaseStatement.type,
      releaseStatement.schema,
      this.coordinatorKey,
    );
    const release = this.signed(statement, envelope);
    checkOrder(model, release, release.signed!.term, await this.installed(model), this.now());
    if (!holds(release.file, release.sha256)) writeDurably(release.file, await this.link.blob(release.sha256));
    return release;
  }

  /** Call when the release serves; the model's file before it is deleted where no other model serves it. */
  async remember({ model, file, signed }: InstalledRelease): Promise<void> {
    const before = await this.installed(model);
    if (signed) writeDurably(this.record(model), JSON.stringify({ release: signed.release }));
    if (before && before.file !== file && !(await this.isNamed(before.file))) rmSync(before.file, { force: true });
  }

  /** Models with the same bytes share a file. A record that cannot be read may name any. */
  private async isNamed(file: string): Promise<boolean> {
    const models = namesIn(this.folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
    const named = await Promise.all(
      models.map((model) =>
        this.installed(model).then(
          (release) => release?.file,
          () => file,
        ),
      ),
    );
    return named.includes(file);
  }

  /** Its file is not looked at. */
  private async installed(model: string): Promise<InstalledRelease | null> {
    const stored = readIfThere(this.record(model));
    if (!stored) return null;
    try {
      const record = z.union([signedSchema, unsignedSchema]).parse(JSON.parse(stored.toString('utf8')));
      const release =
        'release' in record
          ? this.signed(
              await verifyStatement(
                record.release,
                releaseStatement.type,
                releaseStatement.schema,
                this.coordinatorKey,
              ),
              record.release,
            )
          : { ...record, file: this.file(record.sha256), signed: null };
      if (release.model === model) return release;
    } catch {
      // told below
    }
    // A forgotten counter would let an old release in.
    throw new CodedError('RELEASE_RECORD_INVALID', model);
  }

  private signed(
    { model, version, releaseCounter, sha256, expiresAt: at }: ReleaseStatement,
    release: Envelope,
  ): InstalledRelease {
    const expiresAt = Date.parse(at);
    return {
      model,
      version,
      releaseCounter,
      sha256,
      file: this.file(sha256),
      signed: { release, term: { expiresAt, servedUntil: expiresAt + this.servesExpiredMs } },
    };
  }

  private file(sha256: string): string {
    return join(this.folder, `${sha256}.onnx`);
  }

  private record(model: string): string {
    return join(this.folder, `${model}.json`);
  }
}

function holds(file: string, sha256: string): boolean {
  const bytes = readIfThere(file);
  return bytes !== null && createHash('sha256').update(bytes).digest('hex') === sha256;
}

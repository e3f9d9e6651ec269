import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, openStatement, releaseStatement, sha256Schema, type Envelope, type ReleaseStatement } from '@koinon/contracts';
import { z } from 'zod';
import { readIfThere, removeUnfinished, writeDurably } from '../durable-file.js';
import type { CoordinatorLink } from '../link/coordinator-link.js';

const recordSchema = z.strictObject({ model: z.string(), version: z.int(), releaseCounter: z.int(), sha256: sha256Schema });

/** A verified release on disk. */
export type InstalledRelease = z.infer<typeof recordSchema> & { readonly file: string };

/** Fetches releases, checks them in order (signature → expiry → counter → digest), and remembers the newest. */
export class ReleaseStore {
  constructor(
    private readonly folder: string,
    private readonly coordinatorKey: string,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
    private readonly now: () => number = Date.now,
  ) {
    removeUnfinished(folder);
  }

  /** What this node served last; it can serve it again without the coordinator. @throws CodedError CONFIG_INVALID */
  installed(model: string): InstalledRelease | null {
    const stored = readIfThere(this.record(model));
    if (!stored) return null;
    try {
      const record = recordSchema.parse(JSON.parse(stored.toString('utf8')));
      return { ...record, file: this.file(record.sha256) };
    } catch {
      // A forgotten counter would let an old release in.
      throw new CodedError('CONFIG_INVALID', `the record of the installed release of ${model} is damaged; restore it from a backup`);
    }
  }

  /** @throws CodedError SIGNATURE_INVALID, RELEASE_EXPIRED, RELEASE_ROLLED_BACK, BLOCK_DIGEST_MISMATCH */
  async fetch(model: string, envelope: Envelope): Promise<InstalledRelease> {
    const release = await openStatement(envelope, releaseStatement.type, releaseStatement.schema, this.coordinatorKey);
    this.check(model, release);
    const file = this.file(release.sha256);
    if (!holds(file, release.sha256)) writeDurably(file, await this.link.blob(release.sha256));
    return { model, version: release.version, releaseCounter: release.releaseCounter, sha256: release.sha256, file };
  }

  /** Call when the release serves; the model's file before it is deleted. */
  remember({ file, ...record }: InstalledRelease): void {
    const before = this.installed(record.model);
    writeDurably(this.record(record.model), JSON.stringify(record));
    if (before && before.file !== file) rmSync(before.file, { force: true });
  }

  private check(model: string, release: ReleaseStatement): void {
    if (release.model !== model) throw new CodedError('SIGNATURE_INVALID', 'a release of another model');
    // Not `<=`: an expiry that is no date must not pass.
    if (!(Date.parse(release.expiresAt) > this.now())) throw new CodedError('RELEASE_EXPIRED', `${model} version ${release.version}`);
    const installed = this.installed(model);
    const again = installed?.releaseCounter === release.releaseCounter && installed.sha256 === release.sha256 && installed.version === release.version;
    if (installed && !again && release.releaseCounter <= installed.releaseCounter) throw new CodedError('RELEASE_ROLLED_BACK', `${model} version ${release.version}`);
  }

  private file(sha256: string): string {
    return join(this.folder, `${sha256}.onnx`);
  }

  private record(model: string): string {
    return join(this.folder, `${model}.json`);
  }
}

/** A file that was damaged on disk is fetched again. */
function holds(file: string, sha256: string): boolean {
  const bytes = readIfThere(file);
  return bytes !== null && createHash('sha256').update(bytes).digest('hex') === sha256;
}

import { join } from 'node:path';
import { CodedError, openStatement, releaseStatement, type Envelope, type ReleaseStatement } from '@koinon/contracts';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../durable-file.js';
import type { CoordinatorLink } from '../link/coordinator-link.js';

const fileSchema = z.strictObject({ model: z.string(), version: z.int(), releaseCounter: z.int(), sha256: z.string(), file: z.string() });

/** A verified release on disk. */
export type InstalledRelease = z.infer<typeof fileSchema>;

/** Fetches releases, checks them in order (signature → expiry → counter → digest), and remembers the newest. */
export class ReleaseStore {
  constructor(
    private readonly folder: string,
    private readonly coordinatorKey: string,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
  ) {}

  /** What this node served last; it can serve it again without the coordinator. */
  installed(model: string): InstalledRelease | null {
    const stored = readIfThere(join(this.folder, `${model}.json`));
    return stored && fileSchema.parse(JSON.parse(stored.toString('utf8')));
  }

  /** @throws CodedError SIGNATURE_INVALID, RELEASE_EXPIRED, RELEASE_ROLLED_BACK, BLOCK_DIGEST_MISMATCH */
  async fetch(model: string, envelope: Envelope): Promise<InstalledRelease> {
    const release = await openStatement(envelope, releaseStatement.type, releaseStatement.schema, this.coordinatorKey);
    this.check(model, release);
    const file = join(this.folder, `${release.sha256}.onnx`);
    if (!readIfThere(file)) writeDurably(file, await this.link.blob(release.sha256));
    return { model, version: release.version, releaseCounter: release.releaseCounter, sha256: release.sha256, file };
  }

  /** Call when the release serves. */
  remember(release: InstalledRelease): void {
    writeDurably(join(this.folder, `${release.model}.json`), JSON.stringify(release));
  }

  private check(model: string, release: ReleaseStatement): void {
    if (release.model !== model) throw new CodedError('SIGNATURE_INVALID', 'a release of another model');
    if (Date.parse(release.expiresAt) <= Date.now()) throw new CodedError('RELEASE_EXPIRED', `${model} version ${release.version}`);
    const installed = this.installed(model);
    if (installed && release.releaseCounter < installed.releaseCounter) throw new CodedError('RELEASE_ROLLED_BACK', `${model} version ${release.version}`);
  }
}

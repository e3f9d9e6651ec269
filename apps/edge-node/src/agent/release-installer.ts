import type { AssignmentOf } from '@koinon/contracts';
import { refusalCode } from '@koinon/site-client';
import type { InstalledRelease, ReleaseStore } from '../releases/release-store.js';
import type { ServedModels } from './served-models.js';

/** Brings releases into service; what it cannot bring is held, and the coordinator is told why. */
export class ReleaseInstaller {
  constructor(
    private readonly models: readonly string[],
    private readonly store: ReleaseStore,
    private readonly served: ServedModels,
    /** Resolves when the release answers requests. */
    private readonly load: (release: InstalledRelease) => Promise<void>,
    private readonly report: () => Promise<void>,
  ) {}

  async install({ model, release: envelope }: AssignmentOf<'release'>): Promise<void> {
    if (!this.models.includes(model)) {
      if (this.served.hold(model, 'MODEL_NOT_CONFIGURED')) await this.report();
      return;
    }
    const release = await this.store.fetch(model, envelope);
    const now = this.served.serves(model);
    const serves =
      now?.version === release.version &&
      now.releaseCounter === release.releaseCounter &&
      now.signed?.term.expiresAt === release.signed?.term.expiresAt;
    if (!serves) await this.load(release);
    await this.store.remember(release);
    this.served.serve(release);
    await this.report();
  }

  /** It stays assigned, and is tried again. */
  async failed({ model }: AssignmentOf<'release'>, error: unknown): Promise<void> {
    if (this.served.hold(model, refusalCode(error))) await this.report();
  }

  /** Serves what was served last. @param failed told of a release that no longer loads; it is fetched again when it is assigned */
  async resume(failed: (error: unknown) => void): Promise<void> {
    for (const model of this.models) {
      try {
        const installed = await this.store.restore(model);
        if (!installed) continue;
        await this.load(installed);
        this.served.serve(installed);
      } catch (error) {
        this.served.hold(model, refusalCode(error));
        failed(error);
      }
    }
  }
}

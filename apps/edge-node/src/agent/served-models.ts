import type { ErrorCode, ServedModel, SiteStatus } from '@koinon/contracts';
import { isExpired, isOver } from '@koinon/open-inference';
import type { InstalledRelease } from '../releases/release-store.js';

/** A status holds no more reasons than this. */
const MOST_HELD = 64;

/** What answers now, and why the rest does not. */
export class ServedModels {
  private readonly serving = new Map<string, InstalledRelease>();
  /** By model, why its release is not served. */
  private readonly held = new Map<string, ErrorCode>();

  serves(model: string): InstalledRelease | undefined {
    return this.serving.get(model);
  }

  serve(release: InstalledRelease): void {
    this.serving.set(release.model, release);
    this.held.delete(release.model);
  }

  /** @returns whether this was not known */
  hold(model: string, code: ErrorCode): boolean {
    const isNew = this.held.get(model) !== code;
    this.held.set(model, code);
    return isNew;
  }

  shown(now: number): Pick<SiteStatus, 'serving' | 'notServing'> {
    const releases = [...this.serving.values()].map((release) => ({ ...release, term: release.signed?.term ?? null }));
    const over = releases
      .filter(({ term }) => isOver(term, now))
      .map(({ model }) => ({ model, code: 'RELEASE_EXPIRED' as const }));
    const serving = releases
      .filter(({ term }) => !isOver(term, now))
      .map(({ model, version, sha256, releaseCounter, signed, term }): ServedModel => ({
        model,
        version,
        sha256,
        releaseCounter: signed && releaseCounter,
        expired: isExpired(term, now),
      }));
    const held = [...this.held]
      .filter(([model]) => !over.some((o) => o.model === model))
      .map(([model, code]) => ({ model, code }));
    return { serving, notServing: [...over, ...held].slice(0, MOST_HELD) };
  }
}

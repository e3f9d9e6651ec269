import type { SiteStatus } from '@koinon/contracts';
import type { PrivacyLedger } from '@koinon/local-training';
import { taskNames } from '@koinon/secure-tasks';
import type { CoordinatorLink } from '@koinon/site-client';
import type { NodeConfig } from '../config.js';
import { codeOf, failureEntry, type Log } from './failure-entry.js';
import type { ServedModels } from './served-models.js';
import type { ServingNow } from './thread-protocol.js';

/** Tells the coordinator how this node does. */
export class StatusReporter {
  /** Codes for which a report has failed since one last arrived. */
  private readonly unreported = new Set<string>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly link: Pick<CoordinatorLink, 'report' | 'clockAheadMs'>,
    private readonly ledger: PrivacyLedger,
    private readonly config: Pick<NodeConfig, 'delta'>,
    private readonly served: ServedModels,
    private readonly side: { readonly url: string; stats(): ServingNow },
    private readonly signal: AbortSignal,
    private readonly log: Log,
  ) {}

  /** One after the other, so that the last to arrive is the newest. */
  report(): Promise<void> {
    const sent = this.last.then(() => this.link.report(this.status()));
    this.last = sent.catch(() => undefined);
    return sent;
  }

  /** A report that is made again in a few seconds: why it failed is logged once by code, until one has arrived. */
  async reportOrLog(): Promise<void> {
    try {
      await this.report();
      this.unreported.clear();
    } catch (error) {
      const code = codeOf(error);
      if (this.signal.aborted || this.unreported.has(code)) return;
      this.unreported.add(code);
      this.log(failureEntry('warn', error, { doing: 'report', clockAheadMs: this.link.clockAheadMs }));
    }
  }

  private status(): SiteStatus {
    const { requests, p50Ms, p99Ms } = this.side.stats();
    const { clockAheadMs } = this.link;
    const spent = this.ledger.spent(this.config.delta);
    return {
      servingUrl: this.side.url,
      requests,
      offers: taskNames,
      epsilonSpent: Number.isFinite(spent) ? spent : null,
      ...this.served.shown(Date.now()),
      ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
      ...(p50Ms === null ? {} : { p50Ms }),
      ...(p99Ms === null ? {} : { p99Ms }),
    };
  }
}

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { NodeConfig } from '../config.js';
import { PrivacyLedger } from '@koinon/local-training';
import {
  CoordinatorLink,
  RosterPins,
  SiteAgent,
  enrol,
  isUnused,
  loadSiteKeys,
  createSumStores,
} from '@koinon/site-client';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { failureEntry, type Log } from './failure-entry.js';
import { ReleaseInstaller } from './release-installer.js';
import { ServedModels } from './served-models.js';
import { StatusReporter } from './status-reporter.js';
import { TaskVectors } from './task-vectors.js';
import type { ServingNow } from './thread-protocol.js';

/** What the agent needs of the thread that serves. */
export interface ServingSide {
  readonly url: string;
  /** Resolves when the release answers requests. */
  load(release: InstalledRelease): Promise<void>;
  stats(): ServingNow;
}

/** The federation side of a node: the site's agent over this node's records, releases and log. */
export class Agent {
  private constructor(
    private readonly agent: SiteAgent,
    private readonly installer: ReleaseInstaller,
    readonly reporter: StatusReporter,
    private readonly onFailure: (level: 'warn' | 'error', error: unknown, doing?: string) => void,
  ) {}

  static async start(config: NodeConfig, side: ServingSide, signal: AbortSignal, log: Log): Promise<Agent> {
    const at = (name: string) => join(config.home, name);
    const keys = await loadSiteKeys(config.home);
    const ledgerFile = at('privacy-ledger.json');
    if (isUnused(config.home)) PrivacyLedger.create(ledgerFile);
    const coordinatorKey = await enrol(config, keys);
    const link = new CoordinatorLink(config.coordinatorUrl, config.site, keys.signer, signal);
    const stores = createSumStores(config.home, config.site);
    const ledger = PrivacyLedger.open(ledgerFile, { budget: config.budget, accountant: 'pld', randomBytes });
    const pins = new RosterPins(config.home, (added, fingerprint) =>
      log({ level: 'info', event: 'roster', added, fingerprint }),
    );
    const vectors = new TaskVectors(config, ledger, link, stores.controls, signal);
    const served = new ServedModels();
    const reporter = new StatusReporter(link, ledger, config, served, side, signal, log);
    const releases = new ReleaseStore(at('releases'), coordinatorKey, link, config.servesExpiredMs);
    const installer = new ReleaseInstaller(
      config.models,
      releases,
      served,
      (release) => side.load(release),
      () => reporter.report(),
    );
    const onFailure = (level: 'warn' | 'error', error: unknown, doing?: string): void =>
      log(failureEntry(level, error, { ...(doing ? { doing } : {}), clockAheadMs: link.clockAheadMs }));
    const options = {
      site: config.site,
      keys,
      coordinatorKey,
      link,
      stores,
      pins,
      vectors,
      releases: installer,
      onFailure,
    };
    return new Agent(new SiteAgent(options, signal), installer, reporter, onFailure);
  }

  /** Serves what it served last, also while nobody answers, then works until the signal. */
  async run(): Promise<void> {
    await this.installer.resume((error) => this.onFailure('error', error, 'resume'));
    await this.agent.run(() => this.reporter.report());
  }
}

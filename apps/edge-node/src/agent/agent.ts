import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { CodedError, type Assignment, type SiteStatus } from '@koinon/contracts';
import type { NodeConfig } from '../config.js';
import { CoordinatorLink } from '../link/coordinator-link.js';
import { enrol } from '../link/enrolment.js';
import { RosterPins } from '../link/roster-pins.js';
import { loadSiteKeys } from '../link/site-keys.js';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { Ceremony } from '../secure-update/ceremony.js';
import { EpochStore } from '../secure-update/epoch-store.js';
import { Opener } from '../secure-update/opener.js';
import { ShareStore } from '../secure-update/share-store.js';
import { UploadStore } from '../secure-update/upload-store.js';
import { Uploader } from '../secure-update/uploader.js';
import { PrivacyLedger } from '../training/index.js';
import type { ServingNow } from './protocol.js';
import { Trainer, refusalCode } from './trainer.js';

/** What the agent needs of the thread that serves. */
export interface ServingSide {
  readonly url: string;
  /** Resolves when the release answers requests. */
  load(release: InstalledRelease): Promise<void>;
  stats(): ServingNow;
}

const RETRY_MS = [200, 500, 1000, 2000, 5000];
/** Failures of the network or the other side's state: ask again, nothing is wrong here. */
const TRANSIENT = new Set<string>(['COORDINATOR_UNREACHABLE', 'STEP_OUT_OF_ORDER', 'ROUND_DEADLINE_PASSED', 'DATABASE_UNREACHABLE', 'REQUEST_EXPIRED', 'INTERNAL']);

/** The federation side of a node: asks what to do, does it, one thing at a time. */
export class Agent {
  private serving: InstalledRelease | null = null;

  private constructor(
    private readonly link: CoordinatorLink,
    private readonly ceremony: Ceremony,
    private readonly uploader: Uploader,
    private readonly opener: Opener,
    private readonly trainer: Trainer,
    private readonly releases: ReleaseStore,
    private readonly ledger: PrivacyLedger,
    private readonly config: NodeConfig,
    private readonly side: ServingSide,
    private readonly signal: AbortSignal,
    private readonly log: (entry: Record<string, unknown>) => void,
  ) {}

  static async start(config: NodeConfig, side: ServingSide, signal: AbortSignal, log: (entry: Record<string, unknown>) => void): Promise<Agent> {
    const at = (name: string) => join(config.home, name);
    const keys = await loadSiteKeys(config.home);
    const coordinatorKey = await enrol(config, keys);
    const link = new CoordinatorLink(config.coordinatorUrl, config.site, keys.signer, signal);
    const epochs = new EpochStore(at('epochs'), config.site);
    const uploader = new Uploader(config.site, keys, link, epochs, new UploadStore(at('uploads')));
    const opener = new Opener(config.site, keys, coordinatorKey, link, epochs, uploader, new ShareStore(at('shares')));
    const ledger = PrivacyLedger.open(at('privacy-ledger.json'), { budget: config.budget, accountant: 'pld', randomBytes });
    return new Agent(
      link, new Ceremony(config.site, keys, link, epochs, new RosterPins(config.home)), uploader, opener,
      new Trainer(config, ledger, link, signal), new ReleaseStore(at('releases'), coordinatorKey, link), ledger, config, side, signal, log,
    );
  }

  /** Serves what it served last, then works until the signal. */
  async run(): Promise<void> {
    for (const model of this.config.models) {
      const installed = this.releases.installed(model);
      if (installed) await this.serve(installed);
    }
    await this.report();
    for (let failures = 0; !this.signal.aborted; ) {
      try {
        for (const assignment of await this.link.assignments()) await this.take(assignment);
        failures = 0;
      } catch (error) {
        if (this.signal.aborted) return;
        this.log({ level: 'warn', code: refusalCode(error), message: error instanceof Error ? error.message : String(error) });
        await this.pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!);
      }
    }
  }

  async report(): Promise<void> {
    const { requests, p50Ms, p99Ms } = this.side.stats();
    const spent = this.ledger.spent(this.config.delta);
    const status: SiteStatus = {
      servingUrl: this.side.url, requests, epsilonSpent: Number.isFinite(spent) ? spent : null,
      ...(this.serving ? { serving: { model: this.serving.model, version: this.serving.version, sha256: this.serving.sha256 } } : {}),
      ...(p50Ms === null ? {} : { p50Ms }), ...(p99Ms === null ? {} : { p99Ms }),
    };
    await this.link.report(status);
  }

  private async take(assignment: Assignment): Promise<void> {
    try {
      await this.do(assignment);
    } catch (error) {
      const code = refusalCode(error);
      if (this.signal.aborted || TRANSIENT.has(code) && !isLocal(error)) throw error;
      this.log({ level: 'error', assignment: assignment.kind, code: (error as { code?: string }).code ?? code, message: error instanceof Error ? error.message : String(error) });
      if (assignment.kind === 'release') throw error;
      const subject = assignment.kind === 'ceremony' ? ({ subject: 'epoch', id: assignment.epochId } as const) : ({ subject: 'sum', id: assignment.sumId } as const);
      await this.link.refuse({ ...subject, code });
    }
  }

  private async do(assignment: Assignment): Promise<void> {
    switch (assignment.kind) {
      case 'ceremony':
        return this.ceremony.take(assignment);
      case 'train':
        if (!this.uploader.has(assignment.sumId)) {
          await this.uploader.encrypt(assignment.epochId, assignment.sumId, assignment.sumIndex, await this.trainer.update(assignment));
        }
        this.trainer.released(assignment);
        return this.uploader.send(assignment.sumId);
      case 'evaluate':
        if (!this.uploader.has(assignment.sumId)) {
          await this.uploader.encrypt(assignment.epochId, assignment.sumId, assignment.sumIndex, await this.trainer.evaluation(assignment));
        }
        return this.uploader.send(assignment.sumId);
      case 'share':
        return this.opener.take(assignment);
      case 'release': {
        const release = await this.releases.fetch(assignment.model, assignment.release);
        await this.serve(release);
        this.releases.remember(release);
        return this.report();
      }
    }
  }

  private async serve(release: InstalledRelease): Promise<void> {
    await this.side.load(release);
    this.serving = release;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

/** INTERNAL from our own code is a defect here, not a hiccup of the other side. */
const isLocal = (error: unknown): boolean => !(error instanceof CodedError);

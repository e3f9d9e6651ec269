import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment, AssignmentOf, ErrorCode, ServedModel, SiteStatus } from '@koinon/contracts';
import type { NodeConfig } from '../config.js';
import { failureText } from '../failure-text.js';
import {
  CoordinatorLink,
  enrol,
  isUnused,
  RosterPins,
  loadSiteKeys,
  Ceremony,
  KeyEpochStore,
  checkTerms,
  forgetAllBut,
  type SumStores,
  Decryptor,
  DecryptionShareStore,
  UploadStore,
  Uploader,
} from '@koinon/site-client';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { isExpired, isOver } from '@koinon/open-inference';
import { PrivacyLedger } from '@koinon/local-training';
import type { ServingNow } from './thread-protocol.js';
import { isTransient, refusalCode } from './refusal-code.js';
import { TaskVectors } from './task-vectors.js';
import { whileAssigned } from './while-assigned.js';

/** What the agent needs of the thread that serves. */
export interface ServingSide {
  readonly url: string;
  /** Resolves when the release answers requests. */
  load(release: InstalledRelease): Promise<void>;
  stats(): ServingNow;
}

/** A status holds no more reasons than this. */
const MOST_HELD = 64;
/** From here on a difference between the clocks is worth a line in the log. */
const CLOCK_MATTERS_MS = 30_000;
const RETRY_MS = [200, 500, 1000, 2000, 5000];

/** The federation side of a node: asks what to do, does it, one thing at a time. */
export class Agent {
  private readonly serving = new Map<string, InstalledRelease>();
  /** By model, why its release is not served. */
  private readonly held = new Map<string, ErrorCode>();

  /** Codes for which a report has failed since one last arrived. */
  private readonly unreported = new Set<string>();

  private constructor(
    private readonly link: CoordinatorLink,
    private readonly stores: SumStores,
    private readonly ceremony: Ceremony,
    private readonly uploader: Uploader,
    private readonly decryptor: Decryptor,
    private readonly vectors: TaskVectors,
    private readonly releases: ReleaseStore,
    private readonly ledger: PrivacyLedger,
    private readonly config: NodeConfig,
    private readonly side: ServingSide,
    private readonly signal: AbortSignal,
    private readonly log: (entry: Record<string, unknown>) => void,
  ) {}

  static async start(
    config: NodeConfig,
    side: ServingSide,
    signal: AbortSignal,
    log: (entry: Record<string, unknown>) => void,
  ): Promise<Agent> {
    const at = (name: string) => join(config.home, name);
    const keys = await loadSiteKeys(config.home);
    const ledgerFile = at('privacy-ledger.json');
    if (isUnused(config.home)) PrivacyLedger.create(ledgerFile);
    const coordinatorKey = await enrol(config, keys);
    const link = new CoordinatorLink(config.coordinatorUrl, config.site, keys.signer, signal);
    const stores = {
      keyEpochs: new KeyEpochStore(at('epochs'), config.site),
      uploads: new UploadStore(at('uploads')),
      shares: new DecryptionShareStore(at('shares')),
    };
    const { keyEpochs, uploads, shares } = stores;
    const uploader = new Uploader(config.site, keys, link, keyEpochs, uploads);
    const decryptor = new Decryptor(config.site, keys, coordinatorKey, link, keyEpochs, shares);
    const ledger = PrivacyLedger.open(ledgerFile, { budget: config.budget, accountant: 'pld', randomBytes });
    const pins = new RosterPins(config.home, (added, fingerprint) =>
      log({ level: 'info', event: 'roster', added, fingerprint }),
    );
    return new Agent(
      link,
      stores,
      new Ceremony(config.site, keys, link, keyEpochs, pins),
      uploader,
      decryptor,
      new TaskVectors(config, ledger, link, signal),
      new ReleaseStore(at('releases'), coordinatorKey, link, config.servesExpiredMs),
      ledger,
      config,
      side,
      signal,
      log,
    );
  }

  /** Serves what it served last, also while nobody answers, then works until the signal. */
  async run(): Promise<void> {
    for (const model of this.config.models) await this.resume(model);
    let introduced = false;
    for (let fruitless = 0; !this.signal.aborted;) {
      try {
        if (!introduced) await this.report();
        introduced = true;
        fruitless = (await this.work()) ? 0 : fruitless + 1;
      } catch (error) {
        if (this.signal.aborted) return;
        this.logFailure('warn', error);
        fruitless++;
      }
      if (fruitless > 0) await this.pause(RETRY_MS[Math.min(fruitless, RETRY_MS.length) - 1]!);
    }
  }

  async report(): Promise<void> {
    const { requests, p50Ms, p99Ms } = this.side.stats();
    const spent = this.ledger.spent(this.config.delta);
    const status: SiteStatus = {
      servingUrl: this.side.url,
      requests,
      epsilonSpent: Number.isFinite(spent) ? spent : null,
      ...this.served(Date.now()),
      ...(this.link.clockAheadMs === undefined ? {} : { clockAheadMs: this.link.clockAheadMs }),
      ...(p50Ms === null ? {} : { p50Ms }),
      ...(p99Ms === null ? {} : { p99Ms }),
    };
    await this.link.report(status);
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
      this.logFailure('warn', error, 'report');
    }
  }

  /** @returns false when asking again at once would only bring the same assignments */
  private async work(): Promise<boolean> {
    const { assignments, keyEpochs } = await this.link.assignments();
    forgetAllBut(keyEpochs, this.stores);
    let moved = assignments.length === 0;
    for (const assignment of assignments) moved = (await this.take(assignment)) || moved;
    return moved;
  }

  /** @returns whether the assignment is done with. A release that cannot be installed stays assigned and holds up nothing else. */
  private async take(assignment: Assignment): Promise<boolean> {
    try {
      return await this.do(assignment);
    } catch (error) {
      if (this.signal.aborted || isTransient(error)) throw error;
      this.logFailure('error', error, assignment.kind);
      if (assignment.kind === 'release') {
        await this.hold(assignment.model, refusalCode(error));
        return false;
      }
      if (assignment.kind === 'train') this.vectors.refused(assignment);
      const subject =
        assignment.kind === 'ceremony'
          ? ({ subject: 'key-epoch', id: assignment.keyEpochId } as const)
          : ({ subject: 'sum', id: assignment.sumId } as const);
      await this.link.refuse({ ...subject, code: refusalCode(error) });
      return true;
    }
  }

  private async do(assignment: Assignment): Promise<boolean> {
    switch (assignment.kind) {
      case 'ceremony':
        this.vectors.prepare();
        await this.ceremony.take(assignment);
        return true;
      case 'train':
        // Stored under another sum and never sent: the answer of this round is that one.
        if (this.stores.keyEpochs.answers(assignment)) this.vectors.released(assignment);
        await this.encryptOnce(assignment, (signal) => this.vectors.update(assignment, signal));
        await this.send(assignment);
        return true;
      case 'evaluate':
        await this.encryptOnce(assignment, (signal) => this.vectors.evaluation(assignment, signal));
        await this.send(assignment);
        return true;
      case 'decrypt':
        await this.decryptor.take(assignment);
        return true;
      case 'release':
        return this.install(assignment);
    }
  }

  /**
   * After a crash the stored ciphertext is sent, and the records are not looked at again. Agreement and a free index come before
   * training, which would spend privacy budget on a sum that is refused.
   */
  private async encryptOnce(
    assignment: AssignmentOf<'train' | 'evaluate'>,
    values: (signal: AbortSignal) => Promise<Uint32Array>,
  ): Promise<void> {
    const { keyEpochId, sumId, sumIndex, federation } = assignment;
    if (this.uploader.made(keyEpochId, sumId)) return;
    checkTerms(this.stores.keyEpochs.ceremony(keyEpochId).header, federation);
    this.uploader.checkFree(keyEpochId, sumIndex);
    await this.ceremony.agreed(keyEpochId);
    const answers = assignment.kind === 'train' ? { runId: assignment.runId, round: assignment.round } : undefined;
    await this.uploader.encrypt(keyEpochId, sumId, sumIndex, await whileAssigned(this.link, sumId, values), answers);
  }

  /** What is released is the round that was encrypted, whatever the coordinator says of the sum now. */
  private async send(assignment: AssignmentOf<'train' | 'evaluate'>): Promise<void> {
    const { keyEpochId, sumId } = assignment;
    const answers =
      this.uploader.made(keyEpochId, sumId)?.answers ?? (assignment.kind === 'train' ? assignment : undefined);
    if (answers) this.vectors.released(answers);
    await this.uploader.send(keyEpochId, sumId);
  }

  private async install({ model, release: envelope }: AssignmentOf<'release'>): Promise<boolean> {
    if (!this.config.models.includes(model)) {
      await this.hold(model, 'MODEL_NOT_CONFIGURED');
      return false;
    }
    const release = await this.releases.fetch(model, envelope);
    const now = this.serving.get(model);
    const serves =
      now?.version === release.version &&
      now.releaseCounter === release.releaseCounter &&
      now.signed?.term.expiresAt === release.signed?.term.expiresAt;
    if (!serves) await this.side.load(release);
    await this.releases.remember(release);
    this.serving.set(model, release);
    this.held.delete(model);
    await this.report();
    return !serves;
  }

  /** Tells the coordinator why a release is not served, once. */
  private async hold(model: string, code: ErrorCode): Promise<void> {
    if (this.held.get(model) === code) return;
    this.held.set(model, code);
    await this.report();
  }

  /** A release that no longer loads is fetched again when the coordinator assigns it. */
  private async resume(model: string): Promise<void> {
    try {
      const installed = await this.releases.restore(model);
      if (!installed) return;
      await this.side.load(installed);
      this.serving.set(model, installed);
    } catch (error) {
      this.held.set(model, refusalCode(error));
      this.logFailure('error', error, 'resume');
    }
  }

  /** What answers now, and why the rest does not. */
  private served(now: number): Pick<SiteStatus, 'serving' | 'notServing'> {
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

  private logFailure(level: 'warn' | 'error', error: unknown, doing?: string): void {
    const code = codeOf(error);
    const { site: by } = (error ?? {}) as { site?: string };
    const { clockAheadMs = 0 } = this.link;
    this.log({
      level,
      code,
      ...(doing ? { doing } : {}),
      ...(Math.abs(clockAheadMs) < CLOCK_MATTERS_MS ? {} : { clockAheadMs }),
      ...(by ? { by } : {}),
      message: failureText(error),
    });
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined);
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : 'INTERNAL';
}

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CodedError, type Assignment } from '@koinon/contracts';
import type { NodeConfig } from '../config.js';
import { PrivacyLedger } from '@koinon/local-training';
import {
  Ceremony,
  ControlStore,
  CoordinatorLink,
  DecryptionShareStore,
  Decryptor,
  KeyEpochStore,
  RosterPins,
  UploadStore,
  Uploader,
  enrol,
  forgetAllBut,
  isUnused,
  loadSiteKeys,
  type SumStores,
} from '@koinon/site-client';
import { ReleaseStore, type InstalledRelease } from '../releases/release-store.js';
import { backOff } from './backoff.js';
import { failureEntry, type Log } from './failure-entry.js';
import { LANES, idOf, laneOf, orderOf, type LaneName } from './lane-of.js';
import { Lane } from './lane.js';
import { isTransient, refusalCode } from './refusal-code.js';
import { ReleaseInstaller } from './release-installer.js';
import { ServedModels } from './served-models.js';
import { StatusReporter } from './status-reporter.js';
import { TaskAnswers } from './task-answers.js';
import { TaskVectors } from './task-vectors.js';
import type { ServingNow } from './thread-protocol.js';

/** What the agent needs of the thread that serves. */
export interface ServingSide {
  readonly url: string;
  /** Resolves when the release answers requests. */
  load(release: InstalledRelease): Promise<void>;
  stats(): ServingNow;
}

/** The federation side of a node: asks what to do, and has it done in lanes, none of which it waits for. */
export class Agent {
  private readonly lanes: ReadonlyMap<LaneName, Lane<Assignment>>;

  private constructor(
    private readonly link: CoordinatorLink,
    private readonly stores: SumStores,
    private readonly ceremony: Ceremony,
    private readonly decryptor: Decryptor,
    private readonly vectors: TaskVectors,
    private readonly tasks: TaskAnswers,
    private readonly installer: ReleaseInstaller,
    readonly reporter: StatusReporter,
    private readonly signal: AbortSignal,
    private readonly log: Log,
  ) {
    this.lanes = new Map(
      LANES.map((name) => [
        name,
        new Lane((assignment, withdrawn) => this.answer(assignment, withdrawn), signal, backOff, orderOf),
      ]),
    );
  }

  static async start(config: NodeConfig, side: ServingSide, signal: AbortSignal, log: Log): Promise<Agent> {
    const at = (name: string) => join(config.home, name);
    const keys = await loadSiteKeys(config.home);
    const ledgerFile = at('privacy-ledger.json');
    if (isUnused(config.home)) PrivacyLedger.create(ledgerFile);
    const coordinatorKey = await enrol(config, keys);
    const link = new CoordinatorLink(config.coordinatorUrl, config.site, keys.signer, signal);
    const [keyEpochs, uploads, shares, controls] = [
      new KeyEpochStore(at('epochs'), config.site),
      new UploadStore(at('uploads')),
      new DecryptionShareStore(at('shares')),
      new ControlStore(at('controls')),
    ];
    const ledger = PrivacyLedger.open(ledgerFile, { budget: config.budget, accountant: 'pld', randomBytes });
    const pins = new RosterPins(config.home, (added, fingerprint) =>
      log({ level: 'info', event: 'roster', added, fingerprint }),
    );
    const ceremony = new Ceremony(config.site, keys, link, keyEpochs, pins);
    const vectors = new TaskVectors(config, ledger, link, controls, signal);
    const uploader = new Uploader(config.site, keys, link, keyEpochs, uploads);
    const tasks = new TaskAnswers(keyEpochs, ceremony, uploader, vectors);
    const decryptor = new Decryptor(config.site, keys, coordinatorKey, link, keyEpochs, shares);
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
    return new Agent(
      link,
      { keyEpochs, uploads, shares, controls },
      ceremony,
      decryptor,
      vectors,
      tasks,
      installer,
      reporter,
      signal,
      log,
    );
  }

  /** Serves what it served last, also while nobody answers, then works until the signal. Settles when no lane runs anything. */
  async run(): Promise<void> {
    await this.installer.resume((error) => this.logFailure('error', error, 'resume'));
    let introduced = false;
    let known: string | undefined;
    for (let failures = 0; !this.signal.aborted;) {
      try {
        if (!introduced) await this.reporter.report();
        introduced = true;
        const before = known;
        known = await this.ask(before);
        failures = 0;
        // It waited in vain, or does not wait: then nobody asks in circles.
        if (known !== undefined && known === before) await backOff(1, this.signal);
      } catch (error) {
        if (this.signal.aborted) break;
        this.logFailure('warn', error);
        await backOff(++failures, this.signal);
      }
    }
    await Promise.all([...this.lanes.values()].map((lane) => lane.idle()));
  }

  /** @returns the digest of the list that the lanes now have; undefined when it may be out of date */
  private async ask(known: string | undefined): Promise<string | undefined> {
    for (const lane of this.lanes.values()) lane.asking();
    const { digest, assignments, ...open } = await this.link.assignments(known);
    forgetAllBut(open, this.stores);
    let isStale = false;
    for (const [name, lane] of this.lanes) {
      const own = assignments.filter((assignment) => laneOf(assignment) === name);
      isStale = lane.assign(new Map(own.map((assignment) => [idOf(assignment), assignment]))) || isStale;
    }
    return isStale ? undefined : digest;
  }

  /** The one door of every lane. @returns whether the assignment is done with, by its answer or by a refusal */
  private async answer(assignment: Assignment, withdrawn: AbortSignal): Promise<boolean> {
    try {
      await this.compute(assignment, withdrawn);
      return true;
    } catch (error) {
      return this.refuse(
        assignment,
        withdrawn.aborted ? new CodedError('ROUND_DEADLINE_PASSED', 'the coordinator no longer waits for it') : error,
      ).catch((unsaid: unknown) => this.keep(unsaid));
    }
  }

  private compute(assignment: Assignment, withdrawn: AbortSignal): Promise<void> {
    switch (assignment.kind) {
      case 'ceremony':
        this.vectors.prepare();
        return this.ceremony.take(assignment);
      case 'task':
        return this.tasks.answer(assignment, withdrawn);
      case 'decrypt':
        return this.decryptor.take(assignment);
      case 'release':
        return this.installer.install(assignment);
    }
  }

  /** @throws what may pass by itself, or what kept the refusal from being told: the assignment is tried again */
  private async refuse(assignment: Assignment, error: unknown): Promise<boolean> {
    if (this.signal.aborted || isTransient(error)) throw error;
    this.logFailure('error', error, assignment.kind === 'task' ? assignment.task : assignment.kind);
    if (assignment.kind === 'release') {
      await this.installer.failed(assignment, error);
      return false;
    }
    if (assignment.kind === 'task') this.tasks.refused(assignment);
    const subject =
      assignment.kind === 'ceremony'
        ? ({ subject: 'key-epoch', id: assignment.keyEpochId } as const)
        : ({ subject: 'sum', id: assignment.sumId } as const);
    await this.link.refuse({ ...subject, code: refusalCode(error) });
    return true;
  }

  private keep(error: unknown): false {
    if (!this.signal.aborted) this.logFailure('warn', error);
    return false;
  }

  private logFailure(level: 'warn' | 'error', error: unknown, doing?: string): void {
    this.log(failureEntry(level, error, { ...(doing ? { doing } : {}), clockAheadMs: this.link.clockAheadMs }));
  }
}

import { CodedError, type Assignment, type AssignmentOf } from '@koinon/contracts';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import type { RosterPins } from '../link/roster-pins.js';
import type { SiteKeys } from '../link/site-keys.js';
import { Ceremony } from '../secure-update/ceremony.js';
import { Decryptor } from '../secure-update/decryptor.js';
import { forgetAllBut } from '../secure-update/forget.js';
import type { SumStores } from '../secure-update/sum-stores.js';
import { Uploader } from '../secure-update/uploader.js';
import { backOff } from './backoff.js';
import { LANES, idOf, laneOf, type LaneName } from './lane-of.js';
import { Lane } from './lane.js';
import { isTransient, refusalCode } from './refusal-code.js';
import { TaskAnswers, type TaskVectors } from './task-answers.js';

/** What a site does with releases, which the protocol of secure sums knows nothing of. */
export interface Releases {
  install(assignment: AssignmentOf<'release'>): Promise<void>;
  /** It stays assigned, and is tried again. */
  failed(assignment: AssignmentOf<'release'>, error: unknown): Promise<void>;
}

export interface SiteAgentOptions {
  readonly site: string;
  readonly keys: SiteKeys;
  /** Under which the coordinator signs what it commits to. */
  readonly coordinatorKey: string;
  readonly link: CoordinatorLink;
  readonly stores: SumStores;
  readonly pins: RosterPins;
  readonly vectors: TaskVectors;
  readonly releases: Releases;
  /** Told of a failure. @param doing what failed, where the error alone does not say */
  readonly onFailure: (level: 'warn' | 'error', error: unknown, doing?: string) => void;
}

/** The site's side of federations: asks what to do, and has it done in lanes, none of which it waits for. */
export class SiteAgent {
  protected readonly tasks: TaskAnswers;
  private readonly ceremony: Ceremony;
  private readonly decryptor: Decryptor;
  private readonly lanes: ReadonlyMap<LaneName, Lane<Assignment>>;

  constructor(
    private readonly options: SiteAgentOptions,
    private readonly signal: AbortSignal,
  ) {
    const { site, keys, coordinatorKey, link, stores, pins, vectors } = options;
    const { keyEpochs, uploads, shares } = stores;
    this.ceremony = new Ceremony(site, keys, link, keyEpochs, pins);
    this.decryptor = new Decryptor(site, keys, coordinatorKey, link, keyEpochs, shares);
    const uploader = new Uploader(site, keys, link, keyEpochs, uploads);
    this.tasks = new TaskAnswers(keyEpochs, this.ceremony, uploader, vectors);
    const answer = (assignment: Assignment, withdrawn: AbortSignal) => this.answer(assignment, withdrawn);
    this.lanes = new Map(LANES.map((name) => [name, new Lane(answer, signal)]));
  }

  /** Works until the signal. Settles when no lane runs anything. @param introduce comes before the first question, until it succeeds */
  async run(introduce: () => Promise<void>): Promise<void> {
    let introduced = false;
    let known: string | undefined;
    for (let failures = 0; !this.signal.aborted;) {
      try {
        if (!introduced) await introduce();
        introduced = true;
        const before = known;
        known = await this.ask(before);
        failures = 0;
        // It waited in vain, or does not wait: then nobody asks in circles.
        if (known !== undefined && known === before) await backOff(1, this.signal);
      } catch (error) {
        if (this.signal.aborted) break;
        this.options.onFailure('warn', error);
        await backOff(++failures, this.signal);
      }
    }
    await Promise.all([...this.lanes.values()].map((lane) => lane.idle()));
  }

  /** The one door of every lane. @returns whether the assignment is done with, by its answer or by a refusal */
  async answer(assignment: Assignment, withdrawn: AbortSignal): Promise<boolean> {
    try {
      await this.perform(assignment, withdrawn);
      return true;
    } catch (error) {
      return this.refuse(
        assignment,
        withdrawn.aborted ? new CodedError('ROUND_DEADLINE_PASSED', 'the coordinator no longer waits for it') : error,
      ).catch((unsaid: unknown) => this.keep(unsaid));
    }
  }

  /** @returns the digest of the list that the lanes now have; undefined when it may be out of date */
  private async ask(known: string | undefined): Promise<string | undefined> {
    for (const lane of this.lanes.values()) lane.asking();
    const { digest, assignments, ...open } = await this.options.link.assignments(known);
    forgetAllBut(open, this.options.stores);
    let isStale = false;
    for (const [name, lane] of this.lanes) {
      const own = assignments.filter((assignment) => laneOf(assignment) === name);
      isStale = lane.assign(new Map(own.map((assignment) => [idOf(assignment), assignment]))) || isStale;
    }
    return isStale ? undefined : digest;
  }

  protected perform(assignment: Assignment, withdrawn: AbortSignal): Promise<void> {
    switch (assignment.kind) {
      case 'ceremony':
        this.options.vectors.prepare();
        return this.ceremony.take(assignment);
      case 'task':
        return this.tasks.answer(assignment, withdrawn);
      case 'decrypt':
        return this.decryptor.take(assignment);
      case 'release':
        return this.options.releases.install(assignment);
    }
  }

  /** @throws what may pass by itself, or what kept the refusal from being told: the assignment is tried again */
  private async refuse(assignment: Assignment, error: unknown): Promise<boolean> {
    if (this.signal.aborted || isTransient(error)) throw error;
    this.options.onFailure('error', error, assignment.kind === 'task' ? assignment.task : assignment.kind);
    if (assignment.kind === 'release') {
      await this.options.releases.failed(assignment, error);
      return false;
    }
    if (assignment.kind === 'task') this.tasks.refused(assignment);
    const subject =
      assignment.kind === 'ceremony'
        ? ({ subject: 'key-epoch', id: assignment.keyEpochId } as const)
        : ({ subject: 'sum', id: assignment.sumId } as const);
    await this.options.link.refuse({ ...subject, code: refusalCode(error) });
    return true;
  }

  private keep(error: unknown): false {
    if (!this.signal.aborted) this.options.onFailure('warn', error);
    return false;
  }
}

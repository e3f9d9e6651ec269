import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CodedError,
  type Assignment,
  type AssignmentOf,
  type Assignments,
  type ErrorCode,
  type ServedModel,
} from '@koinon/contracts';
import { taskNames, type Site, type Task, type TaskName, type Training } from '@koinon/secure-tasks';
import {
  RosterPins,
  SiteAgent,
  enrol,
  loadSiteKeys,
  createSumStores,
  type Releases,
  type SumStores,
  type TaskVectors,
} from '@koinon/site-client';
import { tempDir, type TempDir } from '@koinon/testing';
import { readWeights } from '../registry/model-weights.js';
import type { InProcessCoordinator } from './in-process.fixture.js';
import { RecordingLink } from './recording-link.fixture.js';
import { rootOf, type SignedRequests } from './signed-requests.fixture.js';

/** How a site takes one kind of assignment: it does it, stays silent, or refuses with a code. */
export type Answer = 'does' | 'silent' | ErrorCode;
export type Asked = Exclude<Assignment['kind'], 'task'> | TaskName;
export type Behaviour = Partial<Record<Asked, Answer>>;

export const askedIn = (assignment: Assignment): Asked =>
  assignment.kind === 'task' ? (assignment.task as TaskName) : assignment.kind;

/** What a site put into one sum. */
export interface SentSum {
  readonly task: TaskName;
  readonly round: number;
  readonly rows: number;
  readonly delta: Float32Array;
  readonly quantised: Uint32Array;
  readonly blocks: readonly Uint8Array[];
  readonly root: string;
}

const never = new AbortController().signal;
const LOOK_EVERY_MS = 25;
const IDLE = { requests: 0, epsilonSpent: 0, notServing: [] };

/** The site's own client, which answers as the test says and otherwise as a node's does. */
class ToldAgent extends SiteAgent {
  constructor(
    private readonly behaviour: Behaviour,
    private readonly onTask: (assignment: AssignmentOf<'task'>) => void,
    ...options: ConstructorParameters<typeof SiteAgent>
  ) {
    super(...options);
  }

  /** Whatever the test says of this kind. @throws CodedError what the coordinator answered */
  do(assignment: Assignment, withdrawn = never): Promise<void> {
    if (assignment.kind === 'task') this.onTask(assignment);
    return super.perform(assignment, withdrawn);
  }

  encrypt(assignment: AssignmentOf<'task'>): Promise<void> {
    this.onTask(assignment);
    return this.tasks.encryptOnce(assignment, never);
  }

  protected override async perform(assignment: Assignment, withdrawn: AbortSignal): Promise<void> {
    const answer = () => this.behaviour[askedIn(assignment)] ?? 'does';
    while (answer() === 'silent' && !withdrawn.aborted) await delay(LOOK_EVERY_MS);
    const told = answer();
    if (told !== 'does' && told !== 'silent') throw new CodedError(told);
    return this.do(assignment, withdrawn);
  }
}

/** A site whose updates are known vectors: everything but its records is what a node runs. */
export class RecordlessSite implements AsyncDisposable, TaskVectors, Releases {
  readonly failures: unknown[] = [];
  readonly serving = new Map<string, ServedModel>();
  /** Requests by hand, and all that was put by whatever way. */
  readonly link: SignedRequests;
  private readonly made = new Map<string, Omit<SentSum, 'blocks' | 'root'>>();
  private readonly agent: ToldAgent;
  private asked: AssignmentOf<'task'> | undefined;
  private working: Promise<void> | undefined;

  private constructor(
    readonly id: string,
    private readonly dir: TempDir,
    readonly behaviour: Behaviour,
    private readonly client: RecordingLink,
    private readonly stores: SumStores,
    options: Pick<ConstructorParameters<typeof SiteAgent>[0], 'keys' | 'coordinatorKey'>,
    private readonly stop: AbortController,
  ) {
    this.link = client.byHand;
    const pins = new RosterPins(dir.path);
    const onFailure = (_: unknown, error: unknown): void =>
      void (error instanceof CodedError || this.failures.push(error));
    const parts = { ...options, site: id, link: client, stores, pins, vectors: this, releases: this, onFailure };
    this.agent = new ToldAgent(behaviour, (assignment) => (this.asked = assignment), parts, stop.signal);
  }

  static async enrol(
    coordinator: InProcessCoordinator,
    id: string,
    behaviour: Behaviour = {},
  ): Promise<RecordlessSite> {
    const { token, coordinatorKeyFingerprint } = await coordinator.client.invite(id, `Hospital ${id}`);
    const dir = tempDir();
    const enrolmentTokenFile = join(dir.path, 'token');
    writeFileSync(enrolmentTokenFile, token);
    const keys = await loadSiteKeys(dir.path);
    const whereTo = { site: id, home: dir.path, coordinatorUrl: coordinator.url, coordinatorKeyFingerprint };
    const coordinatorKey = await enrol({ ...whereTo, enrolmentTokenFile }, keys);
    const stop = new AbortController();
    const link = new RecordingLink(coordinator.url, id, keys.signer, stop.signal);
    return new RecordlessSite(id, dir, behaviour, link, createSumStores(dir.path, id), { keys, coordinatorKey }, stop);
  }

  get shares(): ReadonlyMap<string, readonly Uint8Array[]> {
    return this.client.shares;
  }

  get inboxBytes(): ReadonlyMap<string, number> {
    return this.client.inboxBytes;
  }

  get sent(): ReadonlyMap<string, SentSum> {
    const sent = [...this.made].map(([sumId, made]) => {
      const blocks = this.client.uploaded.get(sumId) ?? [];
      return [sumId, { ...made, blocks, root: blocks.length === 0 ? '' : rootOf(blocks) }] as const;
    });
    return new Map(sent);
  }

  /** Asks for work and does it until it is disposed. */
  work(): void {
    this.working ??= this.agent.run(async () => undefined);
  }

  async assignments(): Promise<Assignment[]> {
    return (await this.assigned()).assignments;
  }

  assigned(): Promise<Assignments> {
    return this.link.ask<Assignments>('GET', '/v1/site/assignments?waitMs=0');
  }

  /** Does what is asked, whatever its behaviour. @throws CodedError what the coordinator answered */
  take(assignment: Assignment): Promise<void> {
    return this.agent.do(assignment);
  }

  /** Encrypts this site's vector once and gives it back the same every time. */
  async encrypted(assignment: AssignmentOf<'task'>): Promise<SentSum> {
    await this.agent.encrypt(assignment);
    const { blocks, root } = this.stores.keyEpochs.upload(assignment.keyEpochId, assignment.sumId)!;
    return { ...this.made.get(assignment.sumId)!, blocks: this.stores.uploads.load(assignment.sumId, blocks), root };
  }

  async compute(task: Task): Promise<Uint32Array> {
    const { sumId } = this.asked!;
    const trained = { rows: 10 + 13 * seedOf(this.id), delta: new Float32Array() };
    const quantised = await task.compute(this.site(trained));
    this.made.set(sumId, { task: task.name, round: task.answers?.round ?? 0, ...trained, quantised });
    return quantised;
  }

  async install({ model, release }: AssignmentOf<'release'>): Promise<void> {
    const { version, sha256, releaseCounter } = JSON.parse(
      Buffer.from(release.payload, 'base64').toString('utf8'),
    ) as ServedModel;
    this.serving.set(model, { model, version, sha256, releaseCounter, expired: false });
    await this.client.report({ ...IDLE, offers: taskNames, serving: [...this.serving.values()] });
  }

  /** There is no ledger, and no release fails to load. */
  prepare(): void {}
  released(): void {}
  refused(): void {}
  async failed(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.working;
    this.dir[Symbol.dispose]();
  }

  /** What a task sees of this site. @param trained gets the delta of a training */
  private site(trained: { rows: number; delta: Float32Array }): Site {
    return {
      randomBytes,
      controls: this.stores.controls,
      train: async (asked) => {
        trained.delta = await this.delta(asked);
        return { delta: trained.delta, records: trained.rows };
      },
      score: () => Promise.resolve(scoredRecords(seedOf(this.id))),
      vector: async (sha256) => new Float32Array((await this.client.blob(sha256)).slice().buffer),
    };
  }

  private async delta({ modelSha256, federation, round }: Training): Promise<Float32Array> {
    const count = readWeights(await this.client.blob(modelSha256), federation.model).length;
    const seed = seedOf(this.id);
    return Float32Array.from({ length: count }, (_, i) => 0.4 * Math.sin(seed * 1.7 + round * 0.9 + i * 2.3));
  }
}

/** A small number that belongs to a site id. */
const seedOf = (id: string): number => Array.from(id).reduce((n, c) => n + c.charCodeAt(0), 0) % 5;

/** Scores of a test split on which the model is good but not perfect. */
function scoredRecords(seed: number): { probabilities: Float32Array; labels: Float32Array } {
  const groups = [
    [30 + seed, 0.2, 0],
    [5, 0.7, 0],
    [4, 0.3, 1],
    [25 + seed, 0.8, 1],
  ] as const;
  const all = groups.flatMap(([rows, probability, label]) =>
    Array.from({ length: rows }, () => [probability + 0.005, label] as const),
  );
  return {
    probabilities: Float32Array.from(all, ([probability]) => probability),
    labels: Float32Array.from(all, ([, label]) => label),
  };
}

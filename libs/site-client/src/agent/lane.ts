import { backOff } from './backoff.js';

interface Entry<Job> {
  readonly job: Job;
  readonly withdrawn: AbortController;
  failures: number;
  /** Failed a moment ago: others come first. */
  resting: boolean;
}

/**
 * Runs what is assigned to it one at a time, in the order in which it was first listed. What fails rests and is run again for as
 * long as it stays in the list; what leaves the list is told by its signal to stop, and is not run again.
 */
export class Lane<Job> {
  private readonly entries = new Map<string, Entry<Job>>();
  private readonly answered = new Set<string>();
  private running: Promise<void> | undefined;

  /**
   * @param run resolves to whether the job is answered; never rejects
   * @param signal ends the lane: nothing is begun any more
   * @param rest after this many failures in a row
   */
  constructor(
    private readonly run: (job: Job, withdrawn: AbortSignal) => Promise<boolean>,
    private readonly signal: AbortSignal,
    private readonly rest: (failures: number, until: AbortSignal) => Promise<void> = backOff,
  ) {}

  /** A list is being asked for: what is answered from here on may still be in it. */
  asking(): void {
    this.answered.clear();
  }

  /**
   * @param jobs all that is asked of this lane now, by id; of two jobs with one id the first one known stands
   * @returns whether the list holds what was answered since it was asked for, so that nobody can tell if it is asked again
   */
  assign(jobs: ReadonlyMap<string, Job>): boolean {
    for (const [id, { withdrawn }] of this.entries) {
      if (jobs.has(id)) continue;
      this.entries.delete(id);
      withdrawn.abort();
    }
    for (const [id, job] of jobs) {
      if (!this.entries.has(id) && !this.answered.has(id))
        this.entries.set(id, { job, withdrawn: new AbortController(), failures: 0, resting: false });
    }
    this.next();
    return [...jobs.keys()].some((id) => this.answered.has(id));
  }

  /** Settles when nothing runs. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private next(): void {
    if (this.running || this.signal.aborted) return;
    const ready = [...this.entries].find(([, { resting }]) => !resting);
    if (!ready) return;
    this.running = this.runOne(...ready).finally(() => {
      this.running = undefined;
      this.next();
    });
  }

  private async runOne(id: string, entry: Entry<Job>): Promise<void> {
    const answered = await this.run(entry.job, entry.withdrawn.signal);
    if (answered) {
      this.entries.delete(id);
      this.answered.add(id);
    } else if (this.entries.get(id) === entry) {
      void this.retry(entry);
    }
  }

  private async retry(entry: Entry<Job>): Promise<void> {
    entry.resting = true;
    await this.rest(++entry.failures, AbortSignal.any([this.signal, entry.withdrawn.signal]));
    entry.resting = false;
    this.next();
  }
}

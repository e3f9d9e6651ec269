const SIZE = 1000;
const LONGEST_MS = 15 * 60_000;

/** The newest 1,000 durations that are no older than 15 minutes: 16 KB, and exact quantiles of how it goes now. */
export class LatencyWindow {
  private readonly durationsMs = new Float64Array(SIZE);
  private readonly endedMs = new Float64Array(SIZE).fill(-Infinity);
  private next = 0;

  /** @param nowMs a clock that never goes back */
  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  record(durationMs: number): void {
    this.durationsMs[this.next] = durationMs;
    this.endedMs[this.next] = this.nowMs();
    this.next = (this.next + 1) % SIZE;
  }

  /** The least recorded duration that at least this share does not exceed, in milliseconds, for each fraction; `null` without any. */
  quantiles(...fractions: readonly number[]): (number | null)[] {
    const oldestMs = this.nowMs() - LONGEST_MS;
    const sorted = this.durationsMs.filter((_, place) => this.endedMs[place]! >= oldestMs).sort();
    return fractions.map((fraction) => sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? null);
  }
}

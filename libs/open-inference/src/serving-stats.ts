import { LatencyWindow } from './latency-window.js';

export interface ServingSnapshot {
  /** Requests answered with a prediction since the start. */
  readonly requests: number;
  /** Time from the arrival of a request to its answer, of the newest requests; `null` when there are none of late. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Count and latency of the answered requests, for the node's own report. */
export class ServingStats {
  private readonly latency: LatencyWindow;
  private requests = 0;

  constructor(nowMs?: () => number) {
    this.latency = new LatencyWindow(nowMs);
  }

  record(durationMs: number): void {
    this.latency.record(durationMs);
    this.requests++;
  }

  snapshot(): ServingSnapshot {
    const [p50Ms = null, p99Ms = null] = this.latency.quantiles(0.5, 0.99);
    return { requests: this.requests, p50Ms, p99Ms };
  }
}

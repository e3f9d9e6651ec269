import { LatencyHistogram } from './latency-histogram.js';

export interface ServingSnapshot {
  /** Requests answered with a prediction since the start. */
  readonly requests: number;
  /** Time from the arrival of the request to its answer; `null` before the first one. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Latency of the answered requests, for the node's own report. */
export class ServingStats {
  readonly #latency = new LatencyHistogram();

  record(durationMs: number): void {
    this.#latency.record(durationMs);
  }

  snapshot(): ServingSnapshot {
    return { requests: this.#latency.total, p50Ms: this.#latency.quantile(0.5), p99Ms: this.#latency.quantile(0.99) };
  }
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Inference, Slot } from '@koinon/inference';
import type { ModelDirectory } from './model-directory.js';
import type { ServingErrorCode } from './serving-error.js';
import type { ServingStats } from './serving-stats.js';

const labelNames = ['model', 'version'] as const;

/** Triton's failure reasons (github.com/triton-inference-server/server, docs/user_guide/metrics.md). */
type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

const reasonOf: Partial<Record<ServingErrorCode, FailureReason>> = {
  QUEUE_FULL: 'REJECTED',
  DEADLINE_EXCEEDED: 'REJECTED',
  CANCELLED: 'CANCELED',
  INFERENCE_FAILED: 'BACKEND',
  OUTPUT_INVALID: 'BACKEND',
};

/**
 * Fixed, so that nodes and times can be added up; between two of them a quantile is interpolated. From the least a network
 * adds to a prediction, to the longest that a client waits by default.
 */
const bucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Prometheus metrics under Triton's names, durations in microseconds, and the node's own histogram of latencies in seconds. */
export class ServingMetrics {
  private readonly registry = new Registry();
  private readonly successes = this.counter('nv_inference_request_success', 'Requests answered with a prediction');
  private readonly request = this.counter(
    'nv_inference_request_duration_us',
    'Cumulative time from arrival to answer of the answered requests',
  );
  private readonly queue = this.counter(
    'nv_inference_queue_duration_us',
    'Cumulative time that the answered requests waited for a thread',
  );
  private readonly compute = this.counter(
    'nv_inference_compute_infer_duration_us',
    'Cumulative time in ONNX Runtime of the answered requests',
  );
  private readonly failures = new Counter({
    name: 'nv_inference_request_failure',
    help: 'Requests for a loaded model that were not answered with a prediction',
    labelNames: [...labelNames, 'reason'],
    registers: [this.registry],
  });
  private readonly latency = new Histogram({
    name: 'koinon_inference_request_duration_seconds',
    help: 'Time from arrival to answer of the answered requests',
    labelNames,
    buckets: bucketsS,
    registers: [this.registry],
  });
  private readonly stats: ServingStats;

  constructor(stats: ServingStats, models: ModelDirectory) {
    this.stats = stats;
    this.registry.registerMetric(
      new Gauge({
        name: 'koinon_model_expired',
        help: '1 while the release that answers is past its expiry',
        labelNames,
        registers: [],
        collect() {
          this.reset();
          for (const slot of models.names.map((name) => models.current(name)))
            if (slot) this.set({ model: slot.name, version: slot.version }, Number(models.expired(slot.name)));
        },
      }),
    );
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  success({ name, version }: Slot, { queueMs, computeMs }: Inference, durationMs: number): void {
    const labels = { model: name, version };
    this.successes.inc(labels);
    this.request.inc(labels, durationMs * 1000);
    this.queue.inc(labels, queueMs * 1000);
    this.compute.inc(labels, computeMs * 1000);
    this.latency.observe(labels, durationMs / 1000);
    this.stats.record(durationMs);
  }

  failure({ name, version }: Slot, code: ServingErrorCode): void {
    this.failures.inc({ model: name, version, reason: reasonOf[code] ?? 'OTHER' });
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  private counter(name: string, help: string): Counter<(typeof labelNames)[number]> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}

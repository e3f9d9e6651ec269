import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
// silences the runtime's telemetry, which only the main thread can
import '@koinon/onnx-runtime';
import { CodedError, fromWire, toWire, type Problem } from '@koinon/contracts';
import { AgentFailure } from '../failure-text.js';
import type { ModelRuntime } from '@koinon/inference';
import type { ModelDirectory, ServingStats } from '@koinon/open-inference';
import type { AgentStart, ToAgent, ToServing } from './thread-protocol.js';

const STATS_EVERY_MS = 5_000;
/** The agent answers in a few milliseconds unless it computes; the end of the process then ends it, and all it stores survives that. */
const STOP_WITHIN_MS = 800;

/** What the agent's work shows in: the models it loads, until when they answer, how they do. */
export interface Serving {
  readonly runtime: Pick<ModelRuntime, 'load'>;
  readonly models: Pick<ModelDirectory, 'limit'>;
  readonly stats: Pick<ServingStats, 'snapshot'>;
}

/** The serving thread's handle on the agent: loads what it brings, tells it how serving goes. */
export class AgentHost {
  /** Rejects when the agent cannot go on. */
  readonly failed: Promise<never>;
  private readonly ended: Promise<void>;

  private constructor(
    private readonly worker: Worker,
    private readonly timer: NodeJS.Timeout,
    failed: Promise<never>,
  ) {
    this.failed = failed;
    this.ended = new Promise((resolve) => worker.once('exit', () => resolve()));
  }

  /** Resolves when the node has enrolled. @throws CodedError why it could not */
  static async start(start: AgentStart, serving: Serving): Promise<AgentHost> {
    const worker = new Worker(new URL('agent-worker.js', import.meta.url), { workerData: start });
    const tell = (message: ToAgent): void => worker.postMessage(message);
    const enrolled = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<never>();
    const fail = (error: Error): void => {
      enrolled.reject(error);
      failed.reject(error);
    };
    worker.on('error', fail);
    worker.on('message', (message: ToServing) => {
      if (message.kind === 'enrolled') enrolled.resolve();
      else if (message.kind === 'failed') fail(fromWire(message.problem) ?? new AgentFailure(message.message));
      else
        void load(message, serving)
          .then((problem) => tell({ kind: 'loaded', id: message.id, problem }))
          .then(() => report());
    });
    const report = (): void => tell({ kind: 'serving', stats: serving.stats.snapshot() });
    const timer = setInterval(report, STATS_EVERY_MS);
    failed.promise.catch(() => undefined);
    const thread = new AgentHost(worker, timer, failed.promise);
    await enrolled.promise.catch(async (error: unknown) => {
      await thread.stop();
      throw error;
    });
    return thread;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.worker.postMessage({ kind: 'stop' } satisfies ToAgent);
    await Promise.race([this.ended, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
  }
}

/** @returns why it does not serve */
async function load(
  { model, version, sha256, file, term }: Extract<ToServing, { kind: 'load' }>,
  { runtime, models }: Serving,
): Promise<Problem | null> {
  try {
    await runtime.load({ name: model, version: String(version), sha256, file });
    models.limit(model, term);
    return null;
  } catch (error) {
    return toWire(new CodedError('MODEL_INVALID', (error as { code?: string }).code ?? 'INTERNAL'));
  }
}

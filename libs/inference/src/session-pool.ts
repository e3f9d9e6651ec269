import type { Transferable } from 'node:worker_threads';
import { RuntimeError } from './runtime-error.js';
import type { RanReply, ReplyTo, RunRequest, WorkerRequest } from './worker-protocol.js';
import { WorkerThread } from './worker-thread.js';

export interface RunLimits {
  /** Aborting gives the place in the queue back at once; a run in progress ends by itself, unheard. */
  readonly signal?: AbortSignal;
  /** A moment on the `performance.now()` clock. */
  readonly deadlineMs?: number;
}

export interface PoolRun {
  readonly outputs: RanReply['outputs'];
  readonly queueMs: number;
  readonly computeMs: number;
}

export interface Ticket {
  readonly result: Promise<PoolRun>;
  /** Fulfilled once no thread will touch the request's session any more, whatever became of the result. */
  readonly left: Promise<void>;
}

/** Node fires a longer timer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Entry {
  readonly request: RunRequest;
  readonly transfer: readonly Transferable[];
  readonly enqueuedMs: number;
  readonly deadlineMs: number;
  settle(outcome: PoolRun | RuntimeError): void;
  leave(): void;
}

/**
 * A first-in-first-out queue of bounded length before a set of worker threads.
 * Invariant: an entry is in the queue, or on exactly one thread, or has left.
 */
export class SessionPool {
  private readonly all: readonly WorkerThread[];
  private readonly queueLimit: number;
  private readonly queue: Entry[] = [];
  private readonly reserved = new Map<WorkerThread, (() => void)[]>();
  private onIdle: (() => void) | undefined;

  private constructor(threads: readonly WorkerThread[], queueLimit: number) {
    this.all = threads;
    this.queueLimit = queueLimit;
  }

  /** @throws RuntimeError WORKER_LOST when a thread cannot load ONNX Runtime. */
  static async start(entry: URL, threads: number, queueLimit: number): Promise<SessionPool> {
    const starts = await Promise.allSettled(Array.from({ length: threads }, () => WorkerThread.start(entry)));
    const started = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    if (started.length === threads) return new SessionPool(started, queueLimit);
    await Promise.all(started.map((thread) => thread.close()));
    throw new RuntimeError(
      'WORKER_LOST',
      'ONNX Runtime cannot be loaded; check that onnxruntime-node supports this platform.',
    );
  }

  get threads(): readonly WorkerThread[] {
    return this.all.filter((thread) => thread.alive);
  }

  get healthy(): boolean {
    return this.all.every((thread) => thread.alive);
  }

  get full(): boolean {
    return this.queue.length >= this.queueLimit && this.threads.every((thread) => thread.busy);
  }

  /**
   * @throws RuntimeError QUEUE_FULL, DEADLINE_EXCEEDED, CANCELLED or WORKER_LOST before anything was queued;
   * afterwards the ticket's result rejects with one of the last three or INFERENCE_FAILED.
   */
  submit(request: RunRequest, transfer: readonly Transferable[], { signal, deadlineMs = Infinity }: RunLimits): Ticket {
    if (signal?.aborted) throw cancelled();
    const enqueuedMs = performance.now();
    if (deadlineMs <= enqueuedMs) throw deadlineExceeded();
    if (this.threads.length === 0) throw noThreads();
    if (this.full) throw new RuntimeError('QUEUE_FULL', 'The node is busy; try again after the time in Retry-After.');

    const result = Promise.withResolvers<PoolRun>();
    const left = Promise.withResolvers<void>();
    const drop = (error: RuntimeError): void => {
      entry.settle(error);
      const place = this.queue.indexOf(entry);
      if (place < 0) return;
      this.queue.splice(place, 1);
      entry.leave();
      this.dispatch();
    };
    const onAbort = (): void => drop(cancelled());
    const timer =
      deadlineMs === Infinity
        ? undefined
        : setTimeout(() => drop(deadlineExceeded()), Math.min(deadlineMs - enqueuedMs, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', onAbort, { once: true });
    const entry: Entry = {
      request,
      transfer,
      enqueuedMs,
      deadlineMs,
      settle: (outcome) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof RuntimeError) result.reject(outcome);
        else result.resolve(outcome);
      },
      leave: () => left.resolve(),
    };
    this.queue.push(entry);
    this.dispatch();
    return { result: result.promise, left: left.promise };
  }

  /** Runs a request on one given thread, ahead of the queue. */
  async callOn<Request extends WorkerRequest>(thread: WorkerThread, request: Request): Promise<ReplyTo<Request>> {
    try {
      if (!thread.busy) return await thread.call(request);
      // The call starts inside #dispatch, so that nothing else can take the thread in between.
      const reply = Promise.withResolvers<ReplyTo<Request>>();
      this.reserved.set(thread, [...(this.reserved.get(thread) ?? []), () => reply.resolve(thread.call(request))]);
      return await reply.promise;
    } finally {
      this.dispatch();
    }
  }

  /** Lets everything that was accepted finish, then ends the threads. Submit nothing afterwards. */
  async close(): Promise<void> {
    if (this.queue.length > 0 || this.threads.some((thread) => thread.busy)) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve;
      });
    }
    await Promise.all(this.all.map((thread) => thread.close()));
  }

  private dispatch(): void {
    for (const thread of this.all) {
      if (thread.busy) continue;
      const reserved = this.reserved.get(thread)?.shift();
      if (reserved) {
        reserved();
        continue;
      }
      const entry = thread.alive ? this.next() : undefined;
      if (entry) void this.run(thread, entry);
    }
    if (this.threads.length === 0) {
      for (const entry of this.queue.splice(0)) {
        entry.settle(noThreads());
        entry.leave();
      }
    }
    if (this.queue.length === 0 && this.threads.every((thread) => !thread.busy)) this.onIdle?.();
  }

  /** Timers can be late when the event loop is: what is already past its deadline never reaches a thread. */
  private next(): Entry | undefined {
    for (let entry = this.queue.shift(); entry; entry = this.queue.shift()) {
      if (performance.now() < entry.deadlineMs) return entry;
      entry.settle(deadlineExceeded());
      entry.leave();
    }
    return undefined;
  }

  private async run(thread: WorkerThread, entry: Entry): Promise<void> {
    const startedMs = performance.now();
    try {
      const { outputs, computeMs } = await thread.call(entry.request, entry.transfer);
      entry.settle({ outputs, computeMs, queueMs: startedMs - entry.enqueuedMs });
    } catch (error) {
      entry.settle(error instanceof RuntimeError ? error : noThreads());
    }
    entry.leave();
    this.dispatch();
  }
}

const cancelled = (): RuntimeError => new RuntimeError('CANCELLED', 'The caller gave the request up.');
const deadlineExceeded = (): RuntimeError =>
  new RuntimeError(
    'DEADLINE_EXCEEDED',
    'The deadline passed before there was an answer; allow more time or try again later.',
  );
const noThreads = (): RuntimeError => new RuntimeError('WORKER_LOST', 'No inference thread is left; restart the node.');

import { type Transferable, Worker } from 'node:worker_threads';
import { RuntimeError } from './runtime-error.js';
import type { CloseRequest, ReplyTo, WorkerMessage, WorkerRequest } from './worker-protocol.js';

interface Waiter {
  resolve(message: WorkerMessage): void;
  reject(error: RuntimeError): void;
}

const lost = (): RuntimeError =>
  new RuntimeError('WORKER_LOST', 'An inference thread ended unexpectedly; restart the node.');

/** One worker thread with at most one request outstanding. */
export class WorkerThread {
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private waiter: Waiter | undefined;
  private running = true;

  private constructor(worker: Worker) {
    this.worker = worker;
    this.exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.running = false;
        this.take()?.reject(lost());
        resolve();
      });
    });
    worker.on('message', (message: WorkerMessage) => this.take()?.resolve(message));
    // 'exit' always follows 'error'; without this listener the error would end the process.
    worker.on('error', () => undefined);
  }

  /** @throws RuntimeError WORKER_LOST when the thread cannot load ONNX Runtime. */
  static async start(entry: URL): Promise<WorkerThread> {
    const thread = new WorkerThread(new Worker(entry));
    await thread.reply();
    return thread;
  }

  get alive(): boolean {
    return this.running;
  }

  get busy(): boolean {
    return this.waiter !== undefined;
  }

  /** Settles when the worker has answered; an answer cannot be hurried, because a run cannot be interrupted. */
  async call<Request extends WorkerRequest>(
    request: Request,
    transfer: readonly Transferable[] = [],
  ): Promise<ReplyTo<Request>> {
    if (!this.running) throw lost();
    const reply = this.reply();
    try {
      this.worker.postMessage(request, transfer);
    } catch {
      this.take()?.reject(
        new RuntimeError(
          'TENSOR_INVALID',
          'The input buffers cannot be handed over; pass each buffer once and do not reuse it.',
        ),
      );
    }
    const message = await reply;
    if (message.kind === 'failed') throw new RuntimeError(message.code, message.message);
    return message as ReplyTo<Request>;
  }

  /** Releases the sessions and lets the thread end by itself. Call only while it is not busy. */
  async close(): Promise<void> {
    if (this.running) this.worker.postMessage({ kind: 'close' } satisfies CloseRequest);
    await this.exited;
  }

  private reply(): Promise<WorkerMessage> {
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  private take(): Waiter | undefined {
    const waiter = this.waiter;
    this.waiter = undefined;
    return waiter;
  }
}

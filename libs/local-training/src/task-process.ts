import { fork, type ChildProcess } from 'node:child_process';
import { watchMemory } from '@koinon/onnx';
import type { Charged, ChildAnswer, ChildReply, Order, Task } from './protocol.js';

/** How a process ended that did not answer. */
export interface Ending {
  readonly kind: 'ended';
  /** NOT_TAKEN: it was gone before it read the task, of which it then knows and has done nothing. */
  readonly reason: 'TIMED_OUT' | 'MEMORY_EXCEEDED' | 'CANCELLED' | 'CRASHED' | 'NOT_TAKEN';
  readonly message: string;
}

const KEPT_ERROR_OUTPUT = 4096;

/** A child process that waits for one task, answers it and is killed. It gets no environment and no open handles, only the task. */
export class TaskProcess {
  private readonly child: ChildProcess;
  private readonly answer = Promise.withResolvers<ChildAnswer | Ending>();
  private readonly closed: Promise<void>;
  private charge: (() => number) | undefined;
  private taken = false;

  /**
   * @param probably what it will be asked for, so that it loads that while it waits; it does whatever comes
   * @param signal kills it, also while it waits
   */
  constructor(childFile: string, probably: Task['kind'], memoryMb: number, signal: AbortSignal) {
    this.child = fork(childFile, [probably], {
      serialization: 'advanced',
      env: {},
      signal,
      killSignal: 'SIGKILL',
      execArgv: [`--max-old-space-size=${Math.floor(memoryMb / 2)}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // Read for one phrase and never passed on: what a failing process prints may quote records.
    let errorOutput = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errorOutput = (errorOutput + text).slice(-KEPT_ERROR_OUTPUT);
    });
    this.child.on('message', (reply: ChildReply) => {
      if (reply.kind === 'taken') this.taken = true;
      else if (reply.kind === 'ready') this.pay();
      else this.answer.resolve(reply);
    });
    this.child.on('error', ({ name }) => {
      if (name === 'AbortError') this.end('CANCELLED', CANCELLED);
      else this.end('CRASHED', 'its process could not be started');
    });
    this.closed = new Promise((ended) => {
      this.child.on('close', (exitCode, exitSignal) => {
        if (errorOutput.includes('heap out of memory')) this.end('MEMORY_EXCEEDED', memoryExceeded(memoryMb));
        else this.end(this.taken ? 'CRASHED' : 'NOT_TAKEN', `its process ended early (${exitSignal ?? exitCode})`);
        ended();
      });
    });
  }

  /**
   * Settles when the process is gone: nobody may start the next task while this one still holds memory.
   * @param charge pays for a training that the child could begin; what it throws ends the task
   */
  async run(order: Order, signal: AbortSignal, charge?: () => number): Promise<ChildAnswer | Ending> {
    this.charge = charge;
    const { memoryMb, timeoutMs } = order.limits;
    const onAbort = (): void => this.end('CANCELLED', CANCELLED);
    signal.addEventListener('abort', onAbort);
    const deadline = setTimeout(() => this.end('TIMED_OUT', `it took longer than ${timeoutMs} ms`), timeoutMs);
    const unwatch = watchMemory(this.child, memoryMb, () => this.end('MEMORY_EXCEEDED', memoryExceeded(memoryMb)));
    this.send(order);
    try {
      return await this.answer.promise;
    } finally {
      clearTimeout(deadline);
      unwatch();
      signal.removeEventListener('abort', onAbort);
      await this.kill();
    }
  }

  private send(message: Order | Charged): void {
    const notTaken = (): void => this.end(this.taken ? 'CRASHED' : 'NOT_TAKEN', 'its process did not take the task');
    try {
      this.child.send(message, (error) => {
        if (error) notTaken();
      });
    } catch {
      // Without a free file handle the child has no channel.
      notTaken();
    }
  }

  private pay(): void {
    if (!this.charge) return;
    try {
      this.send({ noisedRecordCount: this.charge() });
    } catch (error) {
      this.answer.reject(error);
    }
  }

  private async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.child.pid !== undefined) await this.closed;
  }

  /** The first ending or answer stands, and what has ended is not paid for. */
  private end(reason: Ending['reason'], message: string): void {
    this.charge = undefined;
    this.answer.resolve({ kind: 'ended', reason, message });
    this.child.kill('SIGKILL');
  }
}

const CANCELLED = 'it was cancelled';
const memoryExceeded = (memoryMb: number): string =>
  `it needed more than ${memoryMb} MB; raise the limit or use a smaller model or batch`;

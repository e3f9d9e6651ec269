import { availableParallelism } from 'node:os';
// silences the runtime's telemetry, which only the main thread can
import '@koinon/onnx-runtime';
import type { Tensor } from './datatypes.js';
import { checkGolden, warmUpInputs } from './golden.js';
import type { Inference, InferenceRuntime, InferOptions } from './inference-runtime.js';
import { checkSpec, type LoadedModelSpec, type Slot } from './model-spec.js';
import { ResidentModel } from './resident-model.js';
import { RuntimeError } from './runtime-error.js';
import { SessionPool, type Ticket } from './session-pool.js';
import { checkInputs, signaturesOf, type TensorSignature } from './signature.js';
import { fromWire, toWire, transferable } from './wire-tensors.js';
import type { WorkerThread } from './worker-thread.js';

export interface RuntimeOptions {
  /** Worker threads, each with its own session of every loaded model. */
  readonly threads?: number;
  /** Requests that may wait for a thread; one more is refused. */
  readonly queueLimit?: number;
}

// Beside this module in the source and in the build alike.
const workerEntry = new URL(
  import.meta.url.endsWith('.ts') ? './session-worker.ts' : './session-worker.js',
  import.meta.url,
);

/**
 * Models in worker threads. One version of a model answers at a time; loading another prepares it
 * thread by thread, so that the other threads go on serving, and switches between two requests.
 */
export class ModelRuntime implements InferenceRuntime {
  private readonly pool: SessionPool;
  private readonly active = new Map<string, ResidentModel>();
  private readonly changes = new Map<string, Promise<unknown>>();
  private readonly releasing = new Set<Promise<void>>();
  private sessions = 0;
  private closed: Promise<void> | undefined;

  private constructor(pool: SessionPool) {
    this.pool = pool;
  }

  /** @throws RuntimeError WORKER_LOST when ONNX Runtime cannot be loaded. */
  static async start({
    threads = availableParallelism(),
    queueLimit = 64,
  }: RuntimeOptions = {}): Promise<ModelRuntime> {
    return new ModelRuntime(await SessionPool.start(workerEntry, threads, queueLimit));
  }

  get full(): boolean {
    return this.pool.full;
  }

  get healthy(): boolean {
    return this.pool.healthy;
  }

  slot(model: string): Slot | undefined {
    return this.active.get(model)?.slot;
  }

  /**
   * Verifies, loads and checks a version in every thread, then makes it the one that answers.
   * Requests accepted before the switch are answered by the version they were accepted for.
   * @throws RuntimeError with the previous version still serving: MODEL_SPEC_INVALID, MODEL_FILE_UNREADABLE, MODEL_DIGEST_MISMATCH,
   * MODEL_REFUSED, MODEL_SIGNATURE_UNSUPPORTED, MODEL_VERSION_CONFLICT, GOLDEN_MISMATCH, TENSOR_INVALID (a golden input),
   * INFERENCE_FAILED (a golden vector or the warm-up), WORKER_LOST, RUNTIME_CLOSED.
   */
  async load(spec: LoadedModelSpec): Promise<Slot> {
    checkSpec(spec);
    return this.inTurn(spec.name, async () => {
      const previous = this.active.get(spec.name);
      if (previous?.slot.version === spec.version) {
        if (previous.slot.sha256 === spec.sha256.toLowerCase()) return previous.slot;
        throw new RuntimeError(
          'MODEL_VERSION_CONFLICT',
          'This version is already loaded with other bytes; release the change under a new version.',
        );
      }
      const model = await this.prepare(spec);
      this.active.set(spec.name, model);
      if (previous) void this.retire(previous);
      return model.slot;
    });
  }

  /** Takes a model out of service; fulfilled when its sessions are released, without error if there are none. */
  unload(name: string): Promise<void> {
    return this.inTurn(name, async () => {
      const model = this.active.get(name);
      this.active.delete(name);
      if (model) await this.retire(model);
    });
  }

  /**
   * Runs one request. Takes the input buffers over: do not use them afterwards.
   * @throws RuntimeError MODEL_NOT_LOADED, VERSION_NOT_LOADED, TENSOR_INVALID, OUTPUT_UNKNOWN, QUEUE_FULL,
   * DEADLINE_EXCEEDED, CANCELLED, INFERENCE_FAILED, WORKER_LOST, RUNTIME_CLOSED.
   */
  async infer(
    name: string,
    version: string | undefined,
    inputs: Readonly<Record<string, Tensor>>,
    { outputs, ...limits }: InferOptions = {},
  ): Promise<Inference> {
    this.checkOpen();
    const model = this.active.get(name);
    if (!model) throw new RuntimeError('MODEL_NOT_LOADED', 'No version of this model is loaded.');
    if (version !== undefined && version !== model.slot.version) {
      throw new RuntimeError('VERSION_NOT_LOADED', 'This version of the model is not loaded.');
    }
    checkInputs(model.slot.inputs, inputs);
    const names = model.slot.outputs.map((output) => output.name);
    if (outputs?.some((output) => !names.includes(output))) {
      throw new RuntimeError('OUTPUT_UNKNOWN', `The model has no such output; it gives: ${names.join(', ')}.`);
    }

    const request = { kind: 'run', session: model.session, inputs: toWire(inputs), outputs: outputs ?? names } as const;
    model.acquire();
    let ticket: Ticket;
    try {
      ticket = this.pool.submit(request, transferable(inputs), limits);
    } catch (error) {
      model.release();
      throw error;
    }
    void ticket.left.then(() => model.release());
    const { outputs: results, queueMs, computeMs } = await ticket.result;
    return { version: model.slot.version, outputs: fromWire(results), queueMs, computeMs };
  }

  /** Refuses new work, lets accepted work finish, and ends the threads. */
  close(): Promise<void> {
    this.closed ??= (async () => {
      await Promise.allSettled(this.changes.values());
      await Promise.allSettled(this.releasing);
      await this.pool.close();
    })();
    return this.closed;
  }

  private async prepare(spec: LoadedModelSpec): Promise<ResidentModel> {
    const session = ++this.sessions;
    const sha256 = spec.sha256.toLowerCase();
    const loaded: WorkerThread[] = [];
    let slot: Slot | undefined;
    try {
      for (const thread of this.pool.threads) {
        const reply = await this.pool.callOn(thread, { kind: 'load', session, file: spec.file, sha256 });
        loaded.push(thread);
        slot = {
          name: spec.name,
          version: spec.version,
          sha256,
          inputs: signaturesOf(reply.inputs),
          outputs: signaturesOf(reply.outputs),
        };
        await this.rehearse(thread, session, slot, spec.golden ?? []);
      }
    } catch (error) {
      await this.release(session, loaded);
      throw error;
    }
    if (!slot) throw new RuntimeError('WORKER_LOST', 'No inference thread is left; restart the node.');
    return new ResidentModel(session, slot);
  }

  private async rehearse(
    thread: WorkerThread,
    session: number,
    slot: Slot,
    golden: NonNullable<LoadedModelSpec['golden']>,
  ): Promise<void> {
    const run = async (inputs: Readonly<Record<string, Tensor>>, outputs: readonly TensorSignature[]) => {
      const names = outputs.map(({ name }) => name);
      return fromWire(
        (await this.pool.callOn(thread, { kind: 'run', session, inputs: toWire(inputs), outputs: names })).outputs,
      );
    };
    if (golden.length === 0) await run(warmUpInputs(slot.inputs), slot.outputs);
    for (const [index, vector] of golden.entries()) {
      checkInputs(slot.inputs, vector.inputs);
      checkGolden(vector, index, await run(vector.inputs, slot.outputs));
    }
  }

  private retire(model: ResidentModel): Promise<void> {
    const released = model.retire().then(() => this.release(model.session, this.pool.threads));
    this.releasing.add(released);
    void released.finally(() => this.releasing.delete(released));
    return released;
  }

  private async release(session: number, threads: readonly WorkerThread[]): Promise<void> {
    // A thread that was lost meanwhile has released its sessions by ending.
    await Promise.allSettled(threads.map((thread) => this.pool.callOn(thread, { kind: 'release', session })));
  }

  /** Changes to one model happen one after the other, in the order in which they were asked for. */
  private inTurn<Result>(name: string, change: () => Promise<Result>): Promise<Result> {
    const turn = (this.changes.get(name) ?? Promise.resolve()).then(() => {
      this.checkOpen();
      return change();
    });
    this.changes.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  }

  private checkOpen(): void {
    if (this.closed)
      throw new RuntimeError('RUNTIME_CLOSED', 'The node is shutting down; send the request to another one.');
  }
}

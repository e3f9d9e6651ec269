import { env, InferenceSession, type Tensor } from 'onnxruntime-node';
import { refusalOf } from './session-error.js';

// What no session prints itself goes to the environment's log, whose level is read when the first session opens.
env.logLevel = 'fatal';

/** From `basic` on the runtime computes constant nodes when it opens a model. */
export type OptimizationLevel = 'disabled' | 'basic' | 'all';

/** Name, element type and shape of an input or output; a free dimension is its name. */
export type ValueMetadata = InferenceSession.ValueMetadata;

export interface SessionOptions {
  /** Threads of one operator; one by default, because whoever opens a session shares its cores with serving. */
  readonly threads?: number;
  /** `all` by default. */
  readonly optimization?: OptimizationLevel;
  /**
   * For x64 processors without VNNI instructions: there the fast int8 kernels add pairs of products in saturating 16-bit
   * registers. Exact and several times slower; of no use on other processors.
   */
  readonly exactIntegers?: boolean;
  /** Where to write the graph that is really executed. */
  readonly optimizedModelFile?: string;
}

/**
 * A model in the runtime: the one way to one, for serving, training, evaluation and commands alike.
 * @example
 * const session = await Session.create(bytes);
 * const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [1, 2]) });
 * await session.release();
 */
export class Session {
  private constructor(private readonly session: InferenceSession) {}

  /** @throws SessionError SESSION_MODEL_REFUSED */
  static async create(
    model: Uint8Array,
    { threads = 1, optimization = 'all', exactIntegers = false, optimizedModelFile }: SessionOptions = {},
  ): Promise<Session> {
    try {
      return new Session(
        await InferenceSession.create(model, {
          executionProviders: ['cpu'],
          executionMode: 'sequential',
          interOpNumThreads: 1,
          intraOpNumThreads: threads,
          graphOptimizationLevel: optimization,
          // below this level the log quotes values of inputs
          logSeverityLevel: 4,
          ...(optimizedModelFile === undefined ? {} : { optimizedModelFilePath: optimizedModelFile }),
          ...(exactIntegers ? { extra: { session: { x64quantprecision: '1' } } } : {}),
        }),
      );
    } catch (error) {
      throw refusalOf('SESSION_MODEL_REFUSED', error);
    }
  }

  get inputs(): readonly ValueMetadata[] {
    return this.session.inputMetadata;
  }

  get outputs(): readonly ValueMetadata[] {
    return this.session.outputMetadata;
  }

  /**
   * @param fetches names of the outputs to compute, or tensors to write them to; all outputs by default
   * @throws SessionError SESSION_RUN_FAILED
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: readonly string[] | Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>> {
    try {
      return fetches === undefined ? await this.session.run(feeds) : await this.session.run(feeds, fetches);
    } catch (error) {
      throw refusalOf('SESSION_RUN_FAILED', error);
    }
  }

  /** Frees native memory; the session cannot run afterwards. */
  release(): Promise<void> {
    return this.session.release();
  }
}

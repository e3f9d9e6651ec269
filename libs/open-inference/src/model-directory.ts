import { isExpired, isOver, type Term } from './term.js';
import type { InferenceRuntime, Slot } from '@koinon/inference';
import { ServingError } from './serving-error.js';

/** The models that this node is meant to serve, which version of each answers now, and until when. */
export class ModelDirectory {
  readonly names: readonly string[];
  private readonly runtime: Pick<InferenceRuntime, 'slot'>;
  private readonly now: () => number;
  private readonly terms = new Map<string, Term | null>();

  constructor(runtime: Pick<InferenceRuntime, 'slot'>, names: readonly string[], now: () => number = Date.now) {
    this.runtime = runtime;
    this.names = [...names];
    this.now = now;
  }

  /** True once every model has a version that answers. */
  get ready(): boolean {
    return (
      this.names.length > 0 &&
      this.names.every((name) => this.runtime.slot(name) !== undefined && !isOver(this.term(name), this.now()))
    );
  }

  /** Of the version that answers now; null where no release says so. */
  limit(name: string, term: Term | null): void {
    this.terms.set(name, term);
  }

  /** Whether the version that answers is past its expiry. */
  expired(name: string): boolean {
    return isExpired(this.term(name), this.now());
  }

  /** The version that answers now; `undefined` when there is none or the name is unknown. */
  current(name: string): Slot | undefined {
    return this.names.includes(name) ? this.runtime.slot(name) : undefined;
  }

  /** @throws ServingError MODEL_NOT_FOUND, MODEL_NOT_READY, MODEL_EXPIRED, VERSION_NOT_FOUND. */
  find(name: string, version?: string): Slot {
    if (!this.names.includes(name)) {
      throw new ServingError('MODEL_NOT_FOUND', `This node has no such model; it serves: ${this.names.join(', ')}.`);
    }
    const slot = this.runtime.slot(name);
    if (!slot)
      throw new ServingError(
        'MODEL_NOT_READY',
        `Model "${name}" has no version loaded yet; ask /v2/models/${name}/ready until it has.`,
      );
    if (isOver(this.term(name), this.now())) {
      throw new ServingError(
        'MODEL_EXPIRED',
        `Version ${slot.version} of model "${name}" is expired for longer than this site serves it; its operator has to release it again.`,
      );
    }
    if (version !== undefined && version !== slot.version) {
      throw new ServingError(
        'VERSION_NOT_FOUND',
        `This version is not in service; the node serves version ${slot.version}.`,
      );
    }
    return slot;
  }

  private term(name: string): Term | null {
    return this.terms.get(name) ?? null;
  }
}

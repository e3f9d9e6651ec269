import type { InferenceRuntime, Slot } from '../runtime/index.js';
import { ServingError } from './serving-error.js';

/** The models that this node is meant to serve, and which version of each answers now. */
export class ModelDirectory {
  readonly names: readonly string[];
  readonly #runtime: Pick<InferenceRuntime, 'slot'>;

  constructor(runtime: Pick<InferenceRuntime, 'slot'>, names: readonly string[]) {
    this.#runtime = runtime;
    this.names = [...names];
  }

  /** True once every model has a version that answers. */
  get ready(): boolean {
    return this.names.length > 0 && this.names.every((name) => this.#runtime.slot(name) !== undefined);
  }

  /** The version that answers now; `undefined` when there is none or the name is unknown. */
  current(name: string): Slot | undefined {
    return this.names.includes(name) ? this.#runtime.slot(name) : undefined;
  }

  /** @throws ServingError MODEL_NOT_FOUND, MODEL_NOT_READY, VERSION_NOT_FOUND. */
  find(name: string, version?: string): Slot {
    if (!this.names.includes(name)) {
      throw new ServingError('MODEL_NOT_FOUND', `This node has no such model; it serves: ${this.names.join(', ')}.`);
    }
    const slot = this.#runtime.slot(name);
    if (!slot) throw new ServingError('MODEL_NOT_READY', `Model "${name}" has no version loaded yet; ask /v2/models/${name}/ready until it has.`);
    if (version !== undefined && version !== slot.version) {
      throw new ServingError('VERSION_NOT_FOUND', `This version is not in service; the node serves version ${slot.version}.`);
    }
    return slot;
  }
}

import type { Slot } from './model-spec.js';

/** A slot with the count of requests that still need its sessions. */
export class ResidentModel {
  readonly session: number;
  readonly slot: Slot;
  private users = 0;
  private readonly drained = Promise.withResolvers<void>();
  private retired = false;

  constructor(session: number, slot: Slot) {
    this.session = session;
    this.slot = slot;
  }

  acquire(): void {
    this.users++;
  }

  release(): void {
    this.users--;
    if (this.retired && this.users === 0) this.drained.resolve();
  }

  /** Call once nobody can acquire it any more; fulfilled after the last user has released it. */
  retire(): Promise<void> {
    this.retired = true;
    if (this.users === 0) this.drained.resolve();
    return this.drained.promise;
  }
}

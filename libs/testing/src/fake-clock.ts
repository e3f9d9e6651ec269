/** Time that passes only when a test says so. */
export class FakeClock {
  #nowMs: number;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  /** Milliseconds since 1970, like `Date.now`. Bound, so that it can be handed on alone. */
  readonly now = (): number => this.#nowMs;

  /** Resolves once `advance` has passed `ms` from now. */
  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      if (ms <= 0) wake();
      else this.#sleepers.push({ atMs: this.#nowMs + ms, wake });
    });

  /** Moves time on, waking sleepers in order; each may run, and sleep again, before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      this.#sleepers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#sleepers[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#sleepers.shift();
      this.#nowMs = next.atMs;
      next.wake();
      await new Promise((settled) => setImmediate(settled));
    }
    this.#nowMs = endMs;
  }
}

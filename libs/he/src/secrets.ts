/**
 * Zeroises what it was given when its block ends, also by an error: `using secrets = new Secrets()`, then
 * `secrets.keep(...)` around every array that holds or determines a secret. Copies the engine makes are out of reach.
 */
export class Secrets implements Disposable {
  readonly #kept: ArrayBufferView[] = [];

  keep<A extends ArrayBufferView>(array: A): A {
    this.#kept.push(array);
    return array;
  }

  [Symbol.dispose](): void {
    for (const array of this.#kept) wipe(array);
  }
}

export function wipe(array: ArrayBufferView): void {
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(0);
}

import { HeError } from './errors.js';

/**
 * Zeroises what it was given when its block ends, also by an error: `using secrets = new Secrets()`, then
 * `secrets.keep(...)` around every array that holds or determines a secret. Copies the engine makes are out of reach.
 */
export class Secrets implements Disposable {
  private readonly kept: ArrayBufferView[] = [];

  keep<A extends ArrayBufferView>(array: A): A {
    this.kept.push(array);
    return array;
  }

  [Symbol.dispose](): void {
    for (const array of this.kept) wipe(array);
  }
}

/** A key share or secret that must be there: 0 in the place of a missing one would decrypt to something wrong or give its site away. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new HeError('STATE_INVALID', 'a key share or secret of this key epoch is missing');
  return value;
}

export function wipe(array: ArrayBufferView): void {
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(0);
}

import { readFileSync } from 'node:fs';

export interface Vector<I, E> {
  readonly name: string;
  readonly input: I;
  readonly expected: E;
}

/** Known answers of `libs/contracts/kat`. */
export function vectors<I, E>(file: string): Vector<I, E>[] {
  return JSON.parse(readFileSync(new URL(`../kat/${file}`, import.meta.url), 'utf8')) as Vector<I, E>[];
}

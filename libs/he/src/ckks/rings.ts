import { Ring, type Poly } from '../ring/ring.js';
import { DEGREE, PRIMES, SPECIAL_PRIME } from './parameters.js';

/** Both levels of the modulus chain: keys live modulo q0·q1·p, ciphertexts modulo q0·q1. */
export interface Rings {
  readonly key: Ring;
  readonly data: Ring;
}

export function ringsOf(module: WebAssembly.Module): Rings {
  return { key: new Ring(module, DEGREE, [...PRIMES, SPECIAL_PRIME]), data: new Ring(module, DEGREE, PRIMES) };
}

/** The part of a key-level element that data-level arithmetic uses. */
export const atDataLevel = (a: Poly): Poly => a.subarray(0, PRIMES.length * DEGREE);

import { PREFIX_BYTES, concat } from '../wire.js';

/** Deterministic random numbers for tests (SplitMix32): good enough to pick values and places, never to hide anything. */
export class TestRandom {
  constructor(private seed: number) {}

  /** Uniform in [0, limit). */
  below(limit: number): number {
    this.seed = (this.seed + 0x9e3779b9) | 0;
    let z = this.seed;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return Math.floor((((z ^ (z >>> 16)) >>> 0) / 2 ** 32) * limit);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  values(length: number, bits: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.below(2 ** bits));
  }
}

/** Truncated, flipped in the prefix, flipped in the body, extended, or replaced. */
export function corrupt(good: Uint8Array, random: TestRandom): Uint8Array {
  const flip = (from: number, to: number): Uint8Array => {
    const bad = good.slice();
    const at = from + random.below(to - from);
    bad[at] = (bad[at] ?? 0) ^ (1 << random.below(8));
    return bad;
  };
  const kinds = [
    () => good.slice(0, random.below(good.length)),
    () => flip(0, PREFIX_BYTES),
    () => flip(PREFIX_BYTES, good.length),
    () => concat(good, good.subarray(0, 64)),
    () => random.bytes(random.below(2000)),
  ];
  return kinds[random.below(kinds.length)]?.() ?? good;
}

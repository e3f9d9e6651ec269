import { Packing } from '../ckks/packing.js';
import { CkksParameters } from '../ckks/parameters.js';
import { type Rings, atDataLevel, ringsOf } from '../ckks/rings.js';
import { readCiphertext } from '../ckks/block.js';
import { ckksThreshold } from '../ckks/scheme.js';
import { SealSampler } from '../ckks/seal-sampler.js';
import { compileKernel } from '../ring/kernel.js';
import type { Poly } from '../ring/ring.js';
import { KIND, prefix } from '../wire.js';
import { type Loaded, headerOf, load } from './federation.js';
import { TestRandom } from './random.js';

/** What an attacker on threshold CKKS has: the rings, keys of its own, and decryption without any of our checks. */
interface CkksAttacker {
  readonly header: ReturnType<typeof headerOf>;
  readonly loaded: Loaded;
  readonly rings: Rings;
  readonly packing: Packing;
  readonly sampler: SealSampler;
  readonly random: TestRandom;
  testWords(count: number): BigUint64Array;
  keyPair(a: Poly): { secret: Poly; error: Poly; b: Poly };
  /** Rounds c0 + c1·s. */
  opensWith(c0: Poly, c1: Poly, secret: Poly): Uint32Array;
  contentOf(block: Uint8Array, kind?: number): { c0: Poly; c1: Poly };
}

export async function ckksAttacker(): Promise<CkksAttacker> {
  const loaded = await load(ckksThreshold);
  const module = await compileKernel('ring60');
  const rings = ringsOf(module);
  const sampler = await SealSampler.load();
  const random = new TestRandom(23);
  const header = headerOf('ckks-threshold', 3, 2);
  const packing = new Packing(module, CkksParameters.from(header));
  const { key, data } = rings;
  return {
    header,
    loaded,
    rings,
    packing,
    sampler,
    random,
    testWords: (count) => new BigUint64Array(Uint8Array.from(random.bytes(count * 8)).buffer),
    keyPair(a) {
      const sampled = sampler.sampleKey();
      const error = key.add(sampled.b, key.multiply(sampled.a, sampled.secretKey));
      return { secret: sampled.secretKey, error, b: key.subtract(error, key.multiply(a, sampled.secretKey)) };
    },
    opensWith: (c0, c1, secret) =>
      packing.decode(data.inverse(data.add(c0, data.multiply(c1, atDataLevel(secret)))), 2).sums,
    contentOf: (block, kind = KIND.upload) => readCiphertext(data, block, prefix(header, kind)),
  };
}

import { beforeAll, describe, expect, it } from 'vitest';
import { compileKernel } from '../ring/kernel.js';
import type { Poly } from '../ring/ring.js';
import { Federation, type Loaded, expectCode, headerOf, load } from '../testing/federation.js';
import { KIND, PREFIX_BYTES, prefix, toWords } from '../wire.js';
import { readCiphertext } from './block.js';
import { type NoiseInput, noiseBudget } from './noise-budget.js';
import { Packing } from './packing.js';
import { CkksParameters, DEGREE, LOG_SCALE, PRIMES, SMUDGING_BITS, SPECIAL_PRIME } from './parameters.js';
import { PublicKeyProtocol } from './public-key-protocol.js';
import { type Rings, atDataLevel, ringsOf } from './rings.js';
import { ckksThreshold } from './scheme.js';
import { SealSampler } from './seal-sampler.js';

const base: NoiseInput = {
  sites: 64,
  threshold: 64,
  uploads: 64,
  bits: 16,
  n: DEGREE,
  primes: PRIMES,
  specialPrime: SPECIAL_PRIME,
  logScale: LOG_SCALE,
  smudgingBits: SMUDGING_BITS,
  valuesPerCoefficient: 2,
  guardBits: 6,
};

describe('noise budget', () => {
  it('accepts every cohort and threshold up to 64, in both packings', () => {
    for (const [bits, valuesPerCoefficient] of [
      [16, 2],
      [8, 4],
    ] as const) {
      for (const sites of [2, 5, 16, 64]) {
        for (const threshold of [2, sites]) {
          const budget = noiseBudget({ ...base, sites, threshold, uploads: sites, bits, valuesPerCoefficient });
          expect(budget.marginBits).toBeGreaterThan(0.9);
          expect(budget.headroomBits).toBeGreaterThan(2);
          expect(budget.hidingBits).toBeGreaterThan(28);
        }
      }
    }
  });

  it('refuses what breaks exactness or overflows', () => {
    const refused: Partial<NoiseInput>[] = [
      { uploads: 65 },
      { smudgingBits: 54 + 1 },
      { logScale: LOG_SCALE - 2 },
      { logScale: 76 },
      { valuesPerCoefficient: 3 },
      { guardBits: 5 },
    ];
    for (const change of refused) expectCode('NOISE_BUDGET_EXCEEDED', () => noiseBudget({ ...base, ...change }));
  });

  it('grows with sites, uploads and threshold only as stated', () => {
    const small = noiseBudget({ ...base, sites: 2, uploads: 1, threshold: 2 });
    expect(small.fresh).toBe(BigInt((1 + 2 * DEGREE + 1) / 2) + 1n);
    expect(noiseBudget({ ...base, sites: 2, uploads: 7, threshold: 2 }).aggregate).toBe(7n * small.fresh);
    expect(noiseBudget({ ...base, threshold: 5 }).smudging).toBe(5n << 53n);
  });

  describe('measured', () => {
    let loaded: Loaded;
    let rings: Rings;
    let module: WebAssembly.Module;
    let sampler: SealSampler;
    beforeAll(async () => {
      loaded = await load(ckksThreshold);
      module = await compileKernel('ring60');
      rings = ringsOf(module);
      sampler = await SealSampler.load();
    });

    it('fresh and summed errors stay below the bound, and not by accident far below', () => {
      const { key, data } = rings;
      const header = headerOf('ckks-threshold', 5, 3);
      const a = new PublicKeyProtocol(key, header).common;
      const pairs = Array.from({ length: 5 }, () => sampler.sampleKey());
      const secret = pairs.map((pair) => pair.secretKey).reduce((sum, s) => key.add(sum, s));
      const b = pairs
        .map((pair) =>
          key.subtract(key.add(pair.b, key.multiply(pair.a, pair.secretKey)), key.multiply(a, pair.secretKey)),
        )
        .reduce((sum, x) => key.add(sum, x));
      using encryptor = sampler.zeroEncryptor(b, a);
      let sum: Poly = data.zero();
      const largest = (poly: Poly): number => {
        const phase = data.inverse(
          data.add(poly.slice(0, 2 * DEGREE), data.multiply(poly.slice(2 * DEGREE), atDataLevel(secret))),
        );
        return Math.max(...data.toSmall(phase).map(Math.abs));
      };
      const budget = CkksParameters.from(header).noise(5);
      let total = new BigUint64Array(4 * DEGREE);
      for (let upload = 0; upload < 5; upload++) {
        const zero = encryptor.next();
        const measured = largest(zero);
        expect(measured).toBeGreaterThan(100);
        expect(BigInt(measured)).toBeLessThanOrEqual(budget.fresh);
        sum = data.add(sum, zero.slice(0, 2 * DEGREE));
        const c1 = data.add(total.slice(2 * DEGREE), zero.slice(2 * DEGREE));
        total = new BigUint64Array(4 * DEGREE);
        total.set(sum);
        total.set(c1, 2 * DEGREE);
      }
      expect(BigInt(largest(total))).toBeLessThanOrEqual(budget.aggregate);
    });

    it("the decrypted sum's error fills the smudging and stays below the bound", () => {
      using federation = Federation.ready(loaded, headerOf('ckks-threshold', 4, 3));
      const sum = federation.sumOf(0, new Map([0, 1, 2, 3].map((i) => [i, Uint32Array.of(i)])));
      const [block = new Uint8Array(0)] = sum.blocks;
      const { c0 } = readCiphertext(rings.data, block, prefix(federation.header, KIND.sum));
      const opened = [...federation.shares(sum).values()].reduce(
        (total, share) => rings.data.add(total, toWords(share.slice(2 * PREFIX_BYTES))),
        c0,
      );
      const parameters = CkksParameters.from(federation.header);
      const { worstError, sums } = new Packing(module, parameters).decode(rings.data.inverse(opened), 4);
      expect(sums[0]).toBe(6);
      expect(worstError).toBeLessThanOrEqual(parameters.noise(4).total);
      expect(worstError).toBeGreaterThan(2n << 53n);
    });
  });
});

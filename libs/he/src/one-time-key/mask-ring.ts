import { type KeyObject, createHash, createSecretKey } from 'node:crypto';
import { headerDigest } from '../header.js';
import { derive, keystream } from '../random.js';
import { instantiate } from '../ring/kernel.js';
import { bitReverse, invert, power, smallestRoot } from '../ring/modular.js';
import type { KeyEpochHeader } from '../scheme.js';
import { cumulativeTable } from './gaussian.js';
import { DEGREE, type OneTimeKeyParameters, PRIMES, SIGMA } from './parameters.js';

/** Exports of asm/ring27.ts. */
interface Kernel27 {
  readonly memory: WebAssembly.Memory;
  forward(a: number, n: number, p: number, roots: number, shoups: number): void;
  inverseTimesN(a: number, n: number, p: number, roots: number, shoups: number): void;
  multiply(target: number, a: number, key: number, shoups: number, n: number, p: number): void;
  prepareKey(key: number, shoups: number, a: number, n: number, w: number, shoup: number, p: number): void;
  fromSigned(target: number, source: number, n: number, p: number): void;
  uniform(target: number, words: number, count: number, n: number, p: number): number;
  gaussian(target: number, words: number, n: number, thresholds: number, count: number): void;
  conceal(
    out: number,
    x0: number,
    x1: number,
    e: number,
    values: number,
    n: number,
    k: number,
    field: number,
    bits: number,
    scale: number,
    dropped: number,
    width: number,
    p0: number,
    p1: number,
    w: number,
    shoup: number,
  ): number;
  accumulate(sum: number, source: number, n: number, width: number, largest: bigint): number;
  reveal(
    out: number,
    sum: number,
    x0: number,
    x1: number,
    n: number,
    k: number,
    field: number,
    scale: number,
    dropped: number,
    largest: number,
    bias: bigint,
    p0: number,
    p1: number,
    w: number,
    shoup: number,
    statistics: number,
  ): number;
}

const HALF = DEGREE * 4;
const FULL = DEGREE * 8;
const JOIN = invert(PRIMES[0], PRIMES[1]);
const shoup32 = (w: bigint, p: bigint): number => Number((w << 32n) / p);

/** Memory map of a kernel: tables per prime, the key, two masks, and room for one block. */
const AT = (() => {
  const at = {
    tables: 1024,
    key: 0,
    mask: 0,
    scratch: 0,
    words: 0,
    values: 0,
    wire: 0,
    sum: 0,
    thresholds: 0,
    statistics: 0,
    end: 0,
  };
  let next = 1024;
  const place = (bytes: number): number => {
    const here = next;
    next += bytes;
    return here;
  };
  at.tables = place(2 * 4 * HALF);
  at.key = place(2 * 2 * HALF);
  at.mask = place(2 * HALF);
  at.scratch = place(HALF);
  at.words = place(FULL);
  at.values = place(3 * HALF);
  at.wire = place(FULL + 16);
  at.sum = place(FULL);
  at.thresholds = place(4096);
  at.statistics = place(16);
  at.end = next;
  return at;
})();

const thresholds = cumulativeTable(SIGMA);
let tables: readonly Uint32Array[] | undefined;

/** Key-homomorphic masking with one key at a time: mask_k(s) = a_k·s for the public a_k of a sum's block k. */
export class MaskRing {
  private readonly kernel: Kernel27;

  constructor(
    module: WebAssembly.Module,
    private readonly parameters: OneTimeKeyParameters,
  ) {
    this.kernel = instantiate(module, AT.end) as Kernel27;
    tables ??= PRIMES.flatMap(rootTables);
    tables.forEach((table, i) => this.u32(AT.tables + i * HALF).set(table));
    new BigInt64Array(this.kernel.memory.buffer, AT.thresholds, thresholds.length).set(thresholds);
  }

  /** A polynomial of discrete Gaussian coefficients. */
  gaussian(randomBytes: (length: number) => Uint8Array): Int32Array {
    this.bytes(AT.words, FULL).set(randomBytes(FULL));
    this.kernel.gaussian(AT.scratch, AT.words, DEGREE, AT.thresholds, thresholds.length);
    return new Int32Array(this.kernel.memory.buffer, AT.scratch, DEGREE).slice();
  }

  /** Takes a key for the blocks that follow; `wipe` forgets it. */
  useKey(key: Int32Array): void {
    PRIMES.forEach((prime, j) => {
      const p = Number(prime);
      new Int32Array(this.kernel.memory.buffer, AT.words, DEGREE).set(key);
      this.kernel.fromSigned(AT.scratch, AT.words, DEGREE, p);
      this.kernel.forward(AT.scratch, DEGREE, p, this.table(j, 0), this.table(j, 1));
      // The 1/N of the inverse transform, folded in.
      const w = invert(BigInt(DEGREE), prime);
      this.kernel.prepareKey(this.key(j), this.key(j) + HALF, AT.scratch, DEGREE, Number(w), shoup32(w, prime), p);
    });
  }

  /** Upload block `block` under the key in use, without prefix, or undefined if a value has too many bits. */
  conceal(
    values: Uint32Array,
    publicSeed: KeyObject,
    block: number,
    errorBytes: (length: number) => Uint8Array,
  ): Uint8Array | undefined {
    const { valuesPerCoefficient, valuesPerBlock, fieldBits, header, logScale, droppedBits, wireBits } =
      this.parameters;
    this.mask(publicSeed, block);
    this.bytes(AT.words, FULL).set(errorBytes(FULL));
    this.kernel.gaussian(AT.scratch, AT.words, DEGREE, AT.thresholds, thresholds.length);
    const target = new Uint32Array(this.kernel.memory.buffer, AT.values, valuesPerBlock);
    target.fill(0, values.length);
    target.set(values);
    const tooLarge = this.kernel.conceal(
      AT.wire,
      AT.mask,
      AT.mask + HALF,
      AT.scratch,
      AT.values,
      DEGREE,
      valuesPerCoefficient,
      fieldBits,
      header.bits,
      logScale,
      droppedBits,
      wireBits,
      Number(PRIMES[0]),
      Number(PRIMES[1]),
      Number(JOIN),
      shoup32(JOIN, PRIMES[1]),
    );
    return tooLarge ? undefined : this.bytes(AT.wire, (DEGREE * wireBits) / 8).slice();
  }

  /** Adds an upload block's numbers to the sum kept in this kernel; false if one is out of range. */
  accumulate(wire: Uint8Array): boolean {
    const { wireBits, largestOnWire } = this.parameters;
    this.bytes(AT.wire, wire.length).set(wire);
    return this.kernel.accumulate(AT.sum, AT.wire, DEGREE, wireBits, largestOnWire) === 0;
  }

  /** The sum kept in this kernel, which starts again at 0. */
  takeSum(): Uint8Array {
    const sum = this.bytes(AT.sum, FULL);
    const taken = sum.slice();
    sum.fill(0);
    return taken;
  }

  /** Sums of a sum block under the summed key in use, with the error's deviation and largest magnitude. */
  reveal(
    sum: Uint8Array,
    publicSeed: KeyObject,
    block: number,
    uploads: number,
  ): { sums: Uint32Array; fits: boolean; deviation: number; largest: number } {
    const { valuesPerCoefficient, valuesPerBlock, fieldBits, header, logScale, droppedBits } = this.parameters;
    this.mask(publicSeed, block);
    this.bytes(AT.sum, FULL).set(sum);
    const statistics = new Float64Array(this.kernel.memory.buffer, AT.statistics, 2).fill(0);
    const over = this.kernel.reveal(
      AT.values,
      AT.sum,
      AT.mask,
      AT.mask + HALF,
      DEGREE,
      valuesPerCoefficient,
      fieldBits,
      logScale,
      droppedBits,
      uploads * (2 ** header.bits - 1),
      BigInt(Math.floor(uploads / 2)),
      Number(PRIMES[0]),
      Number(PRIMES[1]),
      Number(JOIN),
      shoup32(JOIN, PRIMES[1]),
      AT.statistics,
    );
    this.bytes(AT.sum, FULL).fill(0);
    return {
      sums: new Uint32Array(this.kernel.memory.buffer, AT.values, valuesPerBlock).slice(),
      fits: over === 0,
      deviation: Math.sqrt(statistics[0]! / DEGREE),
      largest: statistics[1]!,
    };
  }

  /** Forgets key, masks, errors and values. */
  wipe(): void {
    this.bytes(AT.key, AT.sum - AT.key).fill(0);
  }

  private mask(publicSeed: KeyObject, block: number): void {
    const stream = keystream(publicSeed, block);
    PRIMES.forEach((prime, j) => {
      const p = Number(prime);
      for (let found = 0; found < DEGREE;) {
        const missing = DEGREE - found;
        this.bytes(AT.words, missing * 4).set(stream(missing * 4));
        found += this.kernel.uniform(AT.scratch + found * 4, AT.words, missing, missing, p);
      }
      this.kernel.multiply(AT.mask + j * HALF, AT.scratch, this.key(j), this.key(j) + HALF, DEGREE, p);
      this.kernel.inverseTimesN(AT.mask + j * HALF, DEGREE, p, this.table(j, 2), this.table(j, 3));
    });
  }

  private table(prime: number, table: number): number {
    return AT.tables + (prime * 4 + table) * HALF;
  }

  private key(prime: number): number {
    return AT.key + prime * 2 * HALF;
  }

  private u32(at: number): Uint32Array {
    return new Uint32Array(this.kernel.memory.buffer, at, DEGREE);
  }

  private bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.kernel.memory.buffer, at, length);
  }
}

/** AES-256 key of the public polynomials a_k of one sum: from everything the participants agreed on. */
export function sumSeed(header: KeyEpochHeader, sumIndex: number): KeyObject {
  const context = createHash('sha256')
    .update(Buffer.from(headerDigest(header), 'hex'))
    .update(Uint32Array.of(sumIndex))
    .digest();
  return createSecretKey(derive(Buffer.from(header.seed, 'hex'), 'one-time-key/public-polynomials', context));
}

function rootTables(prime: bigint): Uint32Array[] {
  const root = smallestRoot(DEGREE, prime);
  return [root, power(root, prime - 2n, prime)].flatMap((base) => {
    const values = new Uint32Array(DEGREE);
    const shoups = new Uint32Array(DEGREE);
    for (let i = 0, w = 1n; i < DEGREE; i++, w = (w * base) % prime) {
      const at = bitReverse(i, Math.log2(DEGREE));
      values[at] = Number(w);
      shoups[at] = shoup32(w, prime);
    }
    return [values, shoups];
  });
}

import { HeError } from '../errors.js';
import { instantiate, type Kernel60 } from '../ring/kernel.js';
import type { BlockAdder, KeyEpochHeader } from '../scheme.js';
import { KIND, concat, payload, prefix, toBytes } from '../wire.js';
import { DEGREE, PRIMES } from './parameters.js';

const POLY_BYTES = DEGREE * 8;
const SUM_AT = 1024;
const STAGE_AT = SUM_AT + 4 * POLY_BYTES;
/** 16·(2^60 - 1) is the last multiple of a residue that fits 64 bits: the reduced sum and 15 more. */
const LAZY_TERMS = 15;

/** Adds residues with 128-bit SIMD in fixed memory, reducing once in fifteen uploads. */
export class ResidueAdder implements BlockAdder {
  private readonly kernel: Kernel60;
  private readonly sum: BigUint64Array;
  private readonly stage: Uint8Array;
  private readonly uploadPrefix: Uint8Array;
  private readonly sumPrefix: Uint8Array;
  private terms = 0;
  private count = 0;
  private broken = false;

  constructor(module: WebAssembly.Module, header: KeyEpochHeader) {
    this.kernel = instantiate(module, STAGE_AT + POLY_BYTES) as Kernel60;
    this.sum = new BigUint64Array(this.kernel.memory.buffer, SUM_AT, 4 * DEGREE);
    this.stage = new Uint8Array(this.kernel.memory.buffer, STAGE_AT, POLY_BYTES);
    this.uploadPrefix = prefix(header, KIND.upload);
    this.sumPrefix = prefix(header, KIND.sum);
  }

  add(block: Uint8Array): void {
    if (this.broken)
      throw new HeError('BLOCK_MALFORMED', 'a block before this one was malformed; finish and start this sum again');
    this.broken = true;
    const bytes = payload(block, this.uploadPrefix, 4 * POLY_BYTES, 'BLOCK_MALFORMED');
    if (this.terms === LAZY_TERMS) this.reduce();
    let flags = 0;
    let encrypted = false;
    for (let part = 0; part < 4; part++) {
      this.stage.set(bytes.subarray(part * POLY_BYTES, (part + 1) * POLY_BYTES));
      const answer = this.kernel.accumulate(SUM_AT + part * POLY_BYTES, STAGE_AT, DEGREE, primeOf(part));
      flags |= answer & 1;
      encrypted ||= part >= 2 && (answer & 2) === 0;
    }
    if (flags !== 0) throw new HeError('BLOCK_MALFORMED', 'a residue of the block is not below its prime');
    if (!encrypted) throw new HeError('BLOCK_MALFORMED', 'the block is not encrypted');
    this.terms++;
    this.count++;
    this.broken = false;
  }

  finish(): Uint8Array {
    const usable = !this.broken && this.count > 0;
    const code = this.broken ? 'BLOCK_MALFORMED' : 'UPLOAD_COUNT_INVALID';
    if (usable) this.reduce();
    const block = concat(this.sumPrefix, toBytes(this.sum));
    this.sum.fill(0n);
    this.terms = 0;
    this.count = 0;
    this.broken = false;
    if (!usable) throw new HeError(code, 'there is no usable sum: add well-formed blocks first');
    return block;
  }

  private reduce(): void {
    for (let part = 0; part < 4; part++) this.kernel.reduce(SUM_AT + part * POLY_BYTES, DEGREE, primeOf(part));
    this.terms = 1;
  }
}

const primeOf = (part: number): bigint => PRIMES[part % 2 === 0 ? 0 : 1];

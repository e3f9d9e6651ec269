import { HeError } from '../errors.js';
import type { BlockAdder } from '../scheme.js';
import { KIND, concat, payload, prefix } from '../wire.js';
import type { MaskRing } from './mask-ring.js';
import type { OneTimeKeyParameters } from './parameters.js';

/** Adds the numbers of upload blocks as plain 64-bit integers: 2^14 of them fit. */
export class MaskedAdder implements BlockAdder {
  private readonly uploadPrefix: Uint8Array;
  private readonly sumPrefix: Uint8Array;
  private count = 0;
  private broken = false;

  constructor(
    private readonly ring: MaskRing,
    private readonly parameters: OneTimeKeyParameters,
  ) {
    this.uploadPrefix = prefix(parameters.header, KIND.upload);
    this.sumPrefix = prefix(parameters.header, KIND.sum);
  }

  add(block: Uint8Array): void {
    if (this.broken)
      throw new HeError('BLOCK_MALFORMED', 'a block before this one was malformed; finish and start this sum again');
    this.broken = true;
    const wire = payload(
      block,
      this.uploadPrefix,
      this.parameters.uploadBlockBytes - this.uploadPrefix.length,
      'BLOCK_MALFORMED',
    );
    if (!this.ring.accumulate(wire))
      throw new HeError('BLOCK_MALFORMED', 'a number of the block is not below the modulus');
    this.count++;
    this.broken = false;
  }

  finish(): Uint8Array {
    const usable = !this.broken && this.count > 0;
    const code = this.broken ? 'BLOCK_MALFORMED' : 'UPLOAD_COUNT_INVALID';
    const block = concat(this.sumPrefix, this.ring.takeSum());
    this.count = 0;
    this.broken = false;
    if (!usable) throw new HeError(code, 'there is no usable sum: add well-formed blocks first');
    return block;
  }
}

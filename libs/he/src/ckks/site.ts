import { createHash } from 'node:crypto';
import { siteIndex } from '../header.js';
import { derive, keystreamWords } from '../random.js';
import { compileKernel } from '../ring/kernel.js';
import type { Poly } from '../ring/ring.js';
import type { CeremonyMessage, SumToDecrypt } from '../scheme.js';
import { Secrets } from '../secrets.js';
import type { SecretHalf } from '../site-key-epoch.js';
import { KIND, concat, prefix, toBytes, toWords } from '../wire.js';
import { readCiphertext } from './block.js';
import { DecryptionProtocol } from './decryption-protocol.js';
import { CkksKeyGeneration, type CkksState } from './key-generation.js';
import { Packing } from './packing.js';
import { type CKKS_STEPS, type CkksParameters, DEGREE } from './parameters.js';
import { type Rings, ringsOf } from './rings.js';
import { SealSampler, type ZeroEncryptor } from './seal-sampler.js';
import { Thresholdizer } from './thresholdizer.js';

/** Threshold CKKS at a site. The one module graph that loads SEAL. */
export async function ckksSecretHalf(): Promise<
  (parameters: CkksParameters, site: string, state: CkksState) => SecretHalf
> {
  const [module, sampler] = await Promise.all([compileKernel('ring60'), SealSampler.load()]);
  const rings = ringsOf(module);
  return (parameters, site, state) =>
    new CkksSecretHalf(parameters, site, rings, new Packing(module, parameters), sampler, state);
}

class CkksSecretHalf implements SecretHalf {
  private readonly keyGeneration: CkksKeyGeneration;
  private encryptor: ZeroEncryptor | undefined;

  constructor(
    private readonly parameters: CkksParameters,
    private readonly site: string,
    private readonly rings: Rings,
    private readonly packing: Packing,
    private readonly sampler: SealSampler,
    private readonly state: CkksState,
  ) {
    this.keyGeneration = new CkksKeyGeneration(parameters.header, site, rings, sampler, state);
  }

  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    return this.keyGeneration.run(step as (typeof CKKS_STEPS)[number], inbox);
  }

  /** (c0, c1) = Enc(0) + (Δ·pack(values), 0), block by block. */
  *encrypt(_sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    const { header, valuesPerBlock } = this.parameters;
    const { data } = this.rings;
    const start = prefix(header, KIND.upload);
    for (let from = 0; from < values.length; from += valuesPerBlock) {
      this.encryptor ??= this.sampler.zeroEncryptor(
        toWords(this.state.get('collectiveKey')),
        this.keyGeneration.common,
      );
      using secrets = new Secrets();
      const message = secrets.keep(this.packing.encode(data, values.subarray(from, from + valuesPerBlock)));
      const zero = this.encryptor.next();
      const c0 = data.add(zero.subarray(0, data.length), message);
      yield concat(start, toBytes(c0), toBytes(zero.subarray(data.length)));
    }
  }

  /**
   * The smudging is drawn from a keyed hash of c1 and the decryptors alone: the same ciphertext, asked for again from
   * restored state or under another sum index, gets the same residues, and averaging gains nothing.
   */
  decryptionShare(sum: SumToDecrypt): Uint8Array[] {
    const { header } = this.parameters;
    const { data } = this.rings;
    const protocol = new DecryptionProtocol(data);
    const xs = sum.decryptors.map((site) => siteIndex(header, site) + 1);
    using secrets = new Secrets();
    const keyShare = secrets.keep(toWords(this.state.get('keyShare')));
    const thresholdizer = new Thresholdizer(data, header.threshold, header.roster.length);
    const additive = secrets.keep(thresholdizer.additiveShare(keyShare, siteIndex(header, this.site) + 1, xs));
    const sumPrefix = prefix(header, KIND.sum);
    const parts: Uint8Array[] = [];
    for (const block of sum.blocks) {
      const { c1 } = readCiphertext(data, block, sumPrefix);
      using ofBlock = new Secrets();
      parts.push(toBytes(protocol.genShare(additive, c1, ofBlock.keep(this.smudgingWords(xs, c1)))));
    }
    return parts;
  }

  private smudgingWords(xs: readonly number[], c1: Poly): BigUint64Array {
    const context = createHash('sha256')
      .update(Uint8Array.of(xs.length, ...xs))
      .update(toBytes(c1))
      .digest();
    return keystreamWords(derive(this.state.get('root'), 'smudging', context))(DEGREE);
  }

  [Symbol.dispose](): void {
    this.encryptor?.[Symbol.dispose]();
  }
}

import { createHash } from 'node:crypto';
import { HeError } from '../errors.js';
import { siteIndex } from '../header.js';
import { derive, keystream } from '../random.js';
import { compileKernel } from '../ring/kernel.js';
import type { CeremonyMessage, SumToDecrypt } from '../scheme.js';
import { Secrets } from '../secrets.js';
import type { SecretHalf } from '../site-key-epoch.js';
import { KIND, concat, prefix, toBytes } from '../wire.js';
import { fieldSharing } from './field-sharing.js';
import { OneTimeKeyGeneration, type OneTimeKeyState, SEED_BYTES, dealtShareAt, secretKeyOf } from './key-generation.js';
import { MaskRing, sumSeed } from './mask-ring.js';
import type { OneTimeKeyParameters } from './parameters.js';

/** One-time keys at a site. */
export async function oneTimeKeySecretHalf(): Promise<
  (parameters: OneTimeKeyParameters, site: string, state: OneTimeKeyState) => SecretHalf
> {
  const module = await compileKernel('ring27');
  return (parameters, site, state) =>
    new OneTimeKeySecretHalf(parameters, site, new MaskRing(module, parameters), state);
}

/**
 * Encrypting forgets the secret key of that sum, and a decryption share the key shares of it: from the state saved after,
 * neither can be done again. From the state saved before, the same values give the same bytes; other values under the same
 * secret key would give both away, so the caller stores the bytes before it sends any.
 */
class OneTimeKeySecretHalf implements SecretHalf {
  private readonly keyGeneration: OneTimeKeyGeneration;
  private keyInUse: number | undefined;

  constructor(
    private readonly parameters: OneTimeKeyParameters,
    private readonly site: string,
    private readonly ring: MaskRing,
    private readonly state: OneTimeKeyState,
  ) {
    this.keyGeneration = new OneTimeKeyGeneration(parameters, site, ring, state);
  }

  runDkgStep(step: string, inbox: readonly CeremonyMessage[]): CeremonyMessage[] {
    return this.keyGeneration.run(step, inbox);
  }

  encrypt(sumIndex: number, values: Uint32Array): Generator<Uint8Array, void> {
    const stored = this.state.get('seeds').subarray(sumIndex * SEED_BYTES, (sumIndex + 1) * SEED_BYTES);
    const seed = stored.slice();
    stored.fill(0);
    return this.blocks(sumIndex, values, seed);
  }

  private *blocks(sumIndex: number, values: Uint32Array, seed: Uint8Array): Generator<Uint8Array, void> {
    const { header, valuesPerBlock } = this.parameters;
    const start = prefix(header, KIND.upload);
    const publicSeed = sumSeed(header, sumIndex);
    using secrets = new Secrets();
    const secretKey = secrets.keep(secretKeyOf(this.ring, secrets.keep(seed)));
    this.keyInUse = undefined;
    // Errors depend on the values: nothing but the secret key could ever meet another upload.
    const errors = keystream(
      derive(seed, 'one-time-key/errors', createHash('sha256').update(toBytes(values)).digest()),
    );
    try {
      for (let block = 0; block * valuesPerBlock < values.length; block++) {
        if (this.keyInUse !== sumIndex) this.ring.useKey(secretKey);
        this.keyInUse = sumIndex;
        const part = values.subarray(block * valuesPerBlock, (block + 1) * valuesPerBlock);
        const wire = this.ring.conceal(part, publicSeed, block, errors);
        if (!wire)
          throw new HeError('VALUE_OUT_OF_RANGE', 'the values changed while they were being encrypted', this.site);
        yield concat(start, wire);
      }
    } finally {
      this.keyInUse = undefined;
      this.ring.wipe();
    }
  }

  /** This site's share of Σ s_i over the uploaders. */
  decryptionShare(sum: SumToDecrypt): Uint8Array[] {
    const { header } = this.parameters;
    const kept = this.state.get('keyShare');
    using secrets = new Secrets();
    const shares = sum.uploaders.map((site) =>
      secrets.keep(
        new Uint16Array(dealtShareAt(kept, header.sums, siteIndex(header, site), sum.sumIndex).slice().buffer),
      ),
    );
    const total = fieldSharing.aggregateShares(shares);
    header.roster.forEach((_, dealer) => dealtShareAt(kept, header.sums, dealer, sum.sumIndex).fill(0));
    return [toBytes(total)];
  }

  [Symbol.dispose](): void {
    this.ring.wipe();
  }
}

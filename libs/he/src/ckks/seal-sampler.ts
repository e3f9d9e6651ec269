import loadSeal, { type Encryptor, type MainModule, type SEALContext } from 'node-seal/allows';
import type { Poly } from '../ring/ring.js';
import { DEGREE, PRIMES, SPECIAL_PRIME } from './parameters.js';

/** Bytes before the residues in SEAL 4.1's uncompressed containers. */
const SECRET_KEY_PREFIX = 88;
const CIPHERTEXT_PREFIX = 113;
const KEY_WORDS = 3 * DEGREE;

let loaded: Promise<SealSampler> | undefined;

/**
 * Microsoft SEAL as the source of secrets and errors: ternary secrets, centred binomial errors and public-key
 * encryptions of zero come from its samplers. All other arithmetic is ours, and the only bytes that SEAL ever
 * parses are a public key built here from checked residues.
 */
export class SealSampler {
  /** Once per process: the context holds no secret and is never freed. */
  static load(): Promise<SealSampler> {
    loaded ??= loadSeal().then((module) => new SealSampler(module));
    return loaded;
  }

  private readonly module: MainModule;
  private readonly context: SEALContext;
  private readonly publicKeyPrefix: Uint8Array;

  private constructor(module: MainModule) {
    this.module = module;
    using parameters = new module.EncryptionParameters(module.SchemeType.ckks);
    using primes = module.CoeffModulus.Create(DEGREE, Int32Array.of(60, 60, 60));
    const given = (module.jsArrayFromVecModulus(primes) as bigint[]).map(BigInt);
    if (given.join() !== [...PRIMES, SPECIAL_PRIME].join())
      throw new Error('SEAL chose other primes than these parameters');
    parameters.setPolyModulusDegree(DEGREE);
    parameters.setCoeffModulus(primes);
    this.context = new module.SEALContext(parameters, true, module.SecLevelType.tc128);
    if (!this.context.parametersSet()) throw new Error('SEAL refuses the parameters');
    using generator = new module.KeyGenerator(this.context);
    using key = generator.createPublicKey();
    this.publicKeyPrefix = (key.saveToArray(module.ComprModeType.none) as Uint8Array).slice(0, CIPHERTEXT_PREFIX);
  }

  /**
   * A fresh ternary secret key s and a fresh public key (b', a') under it, all modulo the three primes in transformed
   * order; b' + a'·s is a fresh error. The caller zeroises.
   */
  sampleKey(): { secretKey: Poly; b: Poly; a: Poly } {
    const none = this.module.ComprModeType.none;
    using generator = new this.module.KeyGenerator(this.context);
    using ofSeal = generator.secretKey();
    using publicKey = generator.createPublicKey();
    const secretKey = residues(ofSeal.saveToArray(none) as Uint8Array, SECRET_KEY_PREFIX, KEY_WORDS);
    const pair = residues(publicKey.saveToArray(none) as Uint8Array, CIPHERTEXT_PREFIX, 2 * KEY_WORDS);
    return { secretKey, b: pair.slice(0, KEY_WORDS), a: pair.slice(KEY_WORDS) };
  }

  /** Encrypts under the public key (b, a), residues checked by the caller. Dispose it. */
  zeroEncryptor(b: Poly, a: Poly): ZeroEncryptor {
    const bytes = new Uint8Array(CIPHERTEXT_PREFIX + 2 * KEY_WORDS * 8);
    bytes.set(this.publicKeyPrefix);
    bytes.set(new Uint8Array(b.buffer, b.byteOffset, b.byteLength), CIPHERTEXT_PREFIX);
    bytes.set(new Uint8Array(a.buffer, a.byteOffset, a.byteLength), CIPHERTEXT_PREFIX + KEY_WORDS * 8);
    using publicKey = new this.module.PublicKey();
    publicKey.loadFromArray(this.context, bytes);
    return new ZeroEncryptor(this.module, new this.module.Encryptor(this.context, publicKey));
  }
}

/** Fresh encryptions of zero at the data level. */
export class ZeroEncryptor implements Disposable {
  constructor(
    private readonly module: MainModule,
    private readonly encryptor: Encryptor,
  ) {}

  /** Residues of (c0, c1) modulo both data primes, 4·N words. */
  next(): BigUint64Array {
    using ciphertext = new this.module.Ciphertext();
    this.encryptor.encryptZero(ciphertext);
    return residues(
      ciphertext.saveToArray(this.module.ComprModeType.none) as Uint8Array,
      CIPHERTEXT_PREFIX,
      4 * DEGREE,
    );
  }

  [Symbol.dispose](): void {
    this.encryptor.delete();
  }
}

/** Copies the residues out of a container SEAL just wrote and zeroises the container. */
function residues(container: Uint8Array, prefixBytes: number, words: number): BigUint64Array {
  if (container.length !== prefixBytes + words * 8) throw new Error('SEAL wrote a container of another size');
  const result = new BigUint64Array(words);
  new Uint8Array(result.buffer).set(container.subarray(prefixBytes));
  container.fill(0);
  return result;
}

import openSeal from 'node-seal/allows';

/** The peers' default: CKKS over slots, N = 8192, [60, 40, 40], scale 2^40, as NVFlare and TenSEAL set it. */
export async function loadSlotCkks(): Promise<
  { readonly valuesPerBlock: number; encrypt(values: Float64Array): number } & Disposable
> {
  const seal = await openSeal();
  using parameters = new seal.EncryptionParameters(seal.SchemeType.ckks);
  using primes = seal.CoeffModulus.Create(8192, Int32Array.of(60, 40, 40));
  parameters.setPolyModulusDegree(8192);
  parameters.setCoeffModulus(primes);
  const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
  using generator = new seal.KeyGenerator(context);
  using publicKey = generator.createPublicKey();
  const encryptor = new seal.Encryptor(context, publicKey);
  const encoder = new seal.CKKSEncoder(context);
  const plain = new seal.Plaintext();
  const ciphertext = new seal.Ciphertext();
  const valuesPerBlock = encoder.slotCount();
  return {
    valuesPerBlock,
    /** Bytes of all ciphertexts. */
    encrypt(values) {
      let bytes = 0;
      for (let from = 0; from < values.length; from += valuesPerBlock) {
        encoder.encode(values.subarray(from, from + valuesPerBlock), 2 ** 40, plain);
        encryptor.encrypt(plain, ciphertext);
        bytes += (ciphertext.saveToArray(seal.ComprModeType.none) as Uint8Array).length;
      }
      return bytes;
    },
    [Symbol.dispose]() {
      for (const handle of [ciphertext, plain, encoder, encryptor, context]) handle.delete();
    },
  };
}

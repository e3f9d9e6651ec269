import type { PublicHalf } from '../define-scheme.js';
import { HeError } from '../errors.js';
import { compileKernel } from '../ring/kernel.js';
import { type Poly, Ring } from '../ring/ring.js';
import type { SumToDecrypt } from '../scheme.js';
import { KIND, prefix, toWords } from '../wire.js';
import { ResidueAdder } from './adder.js';
import { readCiphertext } from './block.js';
import { DecryptionProtocol } from './decryption-protocol.js';
import { Packing } from './packing.js';
import { type CkksParameters, DEGREE, PRIMES } from './parameters.js';

/** Threshold CKKS at the coordinator: adds and combines residues, holds no key, loads no SEAL. */
export async function ckksPublicHalf(): Promise<PublicHalf<CkksParameters>> {
  const module = await compileKernel('ring60');
  const ring = new Ring(module, DEGREE, PRIMES);
  return {
    adder: ({ header }) => new ResidueAdder(module, header),
    combine: (parameters, sum, bodies) => combine(ring, new Packing(module, parameters), parameters, sum, bodies),
  };
}

/** Σm + noise/Δ = round((c0 + Σ h_j) / Δ), block by block. */
function* combine(
  ring: Ring,
  packing: Packing,
  { header }: CkksParameters,
  sum: SumToDecrypt,
  bodies: readonly Uint8Array[],
): Generator<Uint32Array, void> {
  const protocol = new DecryptionProtocol(ring);
  const polyBytes = ring.length * 8;
  const shareOf = (body: Uint8Array, decryptor: number, block: number): Poly => {
    const share = toWords(body.slice(block * polyBytes, (block + 1) * polyBytes));
    if (!ring.isReduced(share))
      malformed('a decryption share is too short for this sum or has a residue not below its prime', decryptor);
    return share;
  };
  const malformed = (text: string, decryptor: number): never => {
    throw new HeError('DECRYPTION_SHARE_MALFORMED', text, sum.decryptors[decryptor]);
  };
  bodies.forEach((body, j) => {
    if (body.length % polyBytes !== 0) malformed('a decryption share does not end with a block', j);
  });
  let blocks = 0;
  for (const block of sum.blocks) {
    const { c0 } = readCiphertext(ring, block, prefix(header, KIND.sum));
    const coefficients = protocol.aggregateShares(
      c0,
      bodies.map((body, j) => shareOf(body, j, blocks)),
    );
    yield packing.decode(coefficients, sum.uploaders.length).sums;
    blocks++;
  }
  bodies.forEach((body, j) => {
    if (body.length !== blocks * polyBytes) malformed('a decryption share is longer than this sum', j);
  });
}

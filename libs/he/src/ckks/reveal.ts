import { createHash } from 'node:crypto';
import { HeError } from '../errors.js';
import { headerDigest } from '../header.js';
import type { Poly, Ring } from '../ring/ring.js';
import type { EpochHeader } from '../scheme.js';
import { PREFIX_BYTES, concat, equal, payload, prefix, toBytes, toWords } from '../wire.js';
import { DEGREE } from './parameters.js';
import { proofBytes, verify } from './proof-of-possession.js';

/**
 * Body of `reveal`: nonce (32 bytes), b_i (3·N words), proof of possession. Body of `commit`: SHA-256 of it under the
 * site's index. Committing first keeps a site from choosing b_i after seeing the others' (the rogue key b - Σ b_j).
 */
const NONCE_BYTES = 32;
export const COMMIT_BYTES = PREFIX_BYTES + 32;
const B_BYTES = 3 * DEGREE * 8;
const REVEAL_BYTES = NONCE_BYTES + B_BYTES + proofBytes(DEGREE);

export function revealBody(header: EpochHeader, nonce: Uint8Array, b: Poly, proof: Uint8Array): Uint8Array {
  return concat(prefix(header, 'reveal'), nonce, toBytes(b), proof);
}

export function commitBody(header: EpochHeader, index: number, reveal: Uint8Array): Uint8Array {
  const hash = createHash('sha256')
    .update('koinon/he/commit/v1\0')
    .update(statementContext(header, index))
    .update(reveal);
  return concat(prefix(header, 'commit'), hash.digest());
}

/** What a proof is bound to: the epoch and the site that proves. */
export function statementContext(header: EpochHeader, index: number): Uint8Array {
  return concat(Buffer.from(headerDigest(header), 'hex'), Uint8Array.of(index));
}

/** @throws HeError MESSAGE_MALFORMED */
export function checkCommit(header: EpochHeader, index: number, body: Uint8Array): void {
  payload(body, prefix(header, 'commit'), COMMIT_BYTES - PREFIX_BYTES, 'MESSAGE_MALFORMED', header.roster[index]);
}

/** b_i of a body that this site made or that was checked. */
export function keyShareOf(reveal: Uint8Array): Poly {
  return toWords(reveal.subarray(PREFIX_BYTES + NONCE_BYTES, PREFIX_BYTES + NONCE_BYTES + B_BYTES));
}

/** The site's b_i, checked. @throws HeError MESSAGE_MALFORMED, COMMITMENT_BROKEN, PROOF_REJECTED naming the site */
export function openReveal(
  ring: Ring,
  a: Poly,
  header: EpochHeader,
  index: number,
  commit: Uint8Array,
  reveal: Uint8Array,
): Poly {
  const site = header.roster[index];
  const content = payload(reveal, prefix(header, 'reveal'), REVEAL_BYTES, 'MESSAGE_MALFORMED', site);
  if (!equal(commitBody(header, index, reveal), commit)) {
    throw new HeError('COMMITMENT_BROKEN', 'a site revealed another key share than it committed to', site);
  }
  const b = keyShareOf(reveal);
  if (!ring.isReduced(b))
    throw new HeError('MESSAGE_MALFORMED', 'a residue of the key share is not below its prime', site);
  const proof = content.subarray(NONCE_BYTES + B_BYTES);
  if (!verify(ring, { a, b, context: statementContext(header, index) }, proof)) {
    throw new HeError('PROOF_REJECTED', 'a site could not prove that it knows the secret of its key share', site);
  }
  return b;
}

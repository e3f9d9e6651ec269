/** Everything that can go wrong, named for the operator. The catalogue is closed: consumers map codes to answers. */
export type HeErrorCode =
  /** The header breaks a rule: scheme, roster, threshold, seed, sums. */
  | 'HEADER_INVALID'
  /** Cohort, threshold and bits leave no room for the noise. */
  | 'NOISE_BUDGET_EXCEEDED'
  /** A step of the DKG was called out of turn. */
  | 'STEP_OUT_OF_ORDER'
  /** A site posted nothing in a step that needs everyone. */
  | 'MESSAGE_MISSING'
  /** More than one message where one is expected, or one from outside the roster. */
  | 'MESSAGE_UNEXPECTED'
  /** Length, prefix or a residue of a message is not as the format says. */
  | 'MESSAGE_MALFORMED'
  /** The relay echoes what this site posted, but changed. */
  | 'MESSAGE_CHANGED'
  /** A revealed public-key share is not the one committed to. */
  | 'COMMITMENT_BROKEN'
  /** The proof that a site knows the secret key behind its public-key share does not verify. */
  | 'PROOF_REJECTED'
  /** Known values did not decrypt with some t sites: at least one of them dealt or answered wrongly. */
  | 'SELF_TEST_FAILED'
  /** Sites ended the DKG with different views of it. */
  | 'TRANSCRIPT_DIFFERS'
  /** Stored site state is damaged or belongs to another epoch or site. */
  | 'STATE_INVALID'
  /** The site's key epoch was disposed. */
  | 'KEY_EPOCH_DISPOSED'
  /** The sum index is outside the epoch or already served. */
  | 'SUM_INDEX_INVALID'
  | 'SUM_ALREADY_ENCRYPTED'
  | 'DECRYPTION_SHARE_ALREADY_MADE'
  /** Values do not fit the bits of the epoch, or are not finite. */
  | 'VALUE_OUT_OF_RANGE'
  /** A block's length, prefix or residues are not as the format says. */
  | 'BLOCK_MALFORMED'
  /** More uploads than the guard bits hold, or none. */
  | 'UPLOAD_COUNT_INVALID'
  /** Fewer uploads than the key epoch allows to decrypt. */
  | 'TOO_FEW_UPLOADS'
  /** Uploaders are not distinct roster sites in roster order. */
  | 'UPLOADERS_INVALID'
  /** Decryptors are not t distinct roster sites in roster order, or lack this site. */
  | 'DECRYPTORS_INVALID'
  | 'DECRYPTION_SHARE_MISSING'
  /** A decryption share's length, prefix or residues are not as the format says. */
  | 'DECRYPTION_SHARE_MALFORMED'
  /** Decryption shares and sum do not decrypt to plausible integers: one of them is wrong. */
  | 'COMBINE_FAILED'
  /** A block of the sum is not the sum of the committed uploads. */
  | 'SPOT_CHECK_FAILED'
  | 'QUANTISER_INVALID'
  | 'MERKLE_INVALID';

/** A coded failure. `site` names who caused it, where that is known. Never carries values or keys. */
export class HeError extends Error {
  override readonly name = 'HeError';
  declare readonly site?: string;

  constructor(
    readonly code: HeErrorCode,
    message: string,
    site?: string,
  ) {
    super(message);
    if (site !== undefined) this.site = site;
  }
}

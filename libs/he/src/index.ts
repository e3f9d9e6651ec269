import { HeError } from './errors.js';
import type { SchemeId, SiteScheme, SumScheme } from './scheme.js';

export type * from './scheme.js';
export { HeError, type HeErrorCode } from './errors.js';
export { headerDigest } from './header.js';
export { MerkleTree } from './merkle-tree.js';
export { Quantiser } from './quantiser.js';
export { type BlockToCheck, type ProvenBlock, chooseBlocks, spotCheck } from './spot-check.js';
export { confirmedTranscript } from './transcript.js';
export type { NoiseBudget, NoiseInput } from './ckks/noise-budget.js';

/** The site's half of a scheme. For `ckks-threshold` this loads SEAL. @throws HeError HEADER_INVALID for another id */
export async function siteScheme(id: SchemeId): Promise<SiteScheme> {
  if (id === 'ckks-threshold') return (await import('./ckks/site-scheme.js')).ckksSiteScheme();
  if (id === 'one-time-key') return (await import('./one-time-key/site-scheme.js')).oneTimeKeySiteScheme();
  throw new HeError('HEADER_INVALID', 'there is no encryption scheme of this name');
}

/** The coordinator's half of a scheme: never loads SEAL, holds no secret. @throws HeError HEADER_INVALID for another id */
export async function sumScheme(id: SchemeId): Promise<SumScheme> {
  if (id === 'ckks-threshold') return (await import('./ckks/sum-scheme.js')).ckksSumScheme();
  if (id === 'one-time-key') return (await import('./one-time-key/sum-scheme.js')).oneTimeKeySumScheme();
  throw new HeError('HEADER_INVALID', 'there is no encryption scheme of this name');
}

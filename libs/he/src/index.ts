export type * from './scheme.js';
export { HeError, type HeErrorCode } from './errors.js';
export { MAX_SUMS, headerDigest } from './header.js';
export { MerkleTree } from './merkle-tree.js';
export { Quantiser } from './quantiser.js';
export { schemes } from './schemes.js';
export { type BlockToCheck, type ProvenBlock, chooseBlocks, spotCheck } from './spot-check.js';
export { confirmedTranscript } from './transcript.js';

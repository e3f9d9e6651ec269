export { fromBase64, toBase64 } from './base64.js';
export { canonicalBytes, sha256Hex } from './canonical.js';
export {
  generateSigningKey,
  keyFingerprintOf,
  verifyStatement,
  type Signer,
  signerFrom,
  signStatement,
} from './dsse.js';
export { checkIdentity, proveIdentity } from './identity.js';
export { verifyMessage } from './message.js';

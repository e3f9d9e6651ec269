import { CodedError, type ErrorCode } from '@koinon/contracts';
import { HeError, type HeErrorCode } from '@koinon/he';

const HE_CODES: Partial<Record<HeErrorCode, ErrorCode>> = {
  HEADER_INVALID: 'REQUEST_INVALID',
  NOISE_BUDGET_EXCEEDED: 'REQUEST_INVALID',
  STATE_INVALID: 'SITE_STATE_LOST',
  KEY_EPOCH_DISPOSED: 'SITE_STATE_LOST',
  STEP_OUT_OF_ORDER: 'EPOCH_SITE_REFUSED',
  MESSAGE_MISSING: 'EPOCH_SITE_REFUSED',
  MESSAGE_UNEXPECTED: 'EPOCH_SITE_REFUSED',
  MESSAGE_MALFORMED: 'EPOCH_SITE_REFUSED',
  COMMITMENT_BROKEN: 'EPOCH_SITE_REFUSED',
  PROOF_REJECTED: 'EPOCH_SITE_REFUSED',
  SELF_TEST_FAILED: 'EPOCH_SITE_REFUSED',
  MESSAGE_CHANGED: 'EPOCH_TRANSCRIPT_DIFFERS',
  TRANSCRIPT_DIFFERS: 'EPOCH_TRANSCRIPT_DIFFERS',
  VALUE_OUT_OF_RANGE: 'EPOCH_TERMS_DIFFER',
  SUM_ALREADY_ENCRYPTED: 'MESSAGE_CONFLICT',
  DECRYPTION_SHARE_ALREADY_MADE: 'SHARE_REFUSED',
  SUM_INDEX_INVALID: 'SHARE_REFUSED',
  BLOCK_MALFORMED: 'SHARE_REFUSED',
  UPLOAD_COUNT_INVALID: 'SHARE_REFUSED',
  TOO_FEW_UPLOADS: 'SHARE_REFUSED',
  UPLOADERS_INVALID: 'SHARE_REFUSED',
  DECRYPTORS_INVALID: 'SHARE_REFUSED',
  SPOT_CHECK_FAILED: 'SHARE_REFUSED',
  MERKLE_INVALID: 'SHARE_REFUSED',
};

/** The catalogue code under which a local failure is told to the coordinator; details stay in the node's own log. */
export function refusalCode(error: unknown): ErrorCode {
  if (error instanceof CodedError) return error.code;
  if (error instanceof HeError) return HE_CODES[error.code] ?? 'INTERNAL';
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code !== 'string') return 'INTERNAL';
  if (code === 'TRAINING_BUDGET_EXHAUSTED' || code === 'TRAINING_NOISE_REQUIRED') return 'BUDGET_EXHAUSTED';
  if (code === 'TRAINING_DATA_INVALID' || code.startsWith('DATA_')) return 'SITE_DATA_INVALID';
  if (code === 'TRAINING_DIVERGED') return code;
  if (code.startsWith('TRAINING_')) return 'SITE_TRAINING_FAILED';
  if (code === 'EVALUATION_MODEL_INVALID') return 'MODEL_INVALID';
  if (code.startsWith('EVALUATION_')) return 'SITE_EVALUATION_FAILED';
  return 'INTERNAL';
}

/** Failures of the network or the other side's state: ask again, nothing is wrong here. */
const TRANSIENT = new Set<ErrorCode>([
  'COORDINATOR_UNREACHABLE',
  'STEP_OUT_OF_ORDER',
  'ROUND_DEADLINE_PASSED',
  'UPLOAD_INCOMPLETE',
  'DATABASE_UNREACHABLE',
  'REDIS_UNREACHABLE',
  'REQUEST_EXPIRED',
  'INTERNAL',
]);

/** Only what the coordinator answered can pass by itself: INTERNAL from our own code is a defect here. */
export function isTransient(error: unknown): boolean {
  return error instanceof CodedError && TRANSIENT.has(error.code);
}

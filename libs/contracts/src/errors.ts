/**
 * The error catalogue: every code the coordinator or a site may answer with, its HTTP status and what
 * a person should do. Messages are public: they name no path, key, patient value or stack.
 */
export const catalogue = {
  REQUEST_INVALID: [400, 'The request does not match its schema; the details name each field.'],
  BODY_TOO_LARGE: [413, 'The body is larger than this endpoint accepts.'],
  REQUEST_TIMED_OUT: [408, 'The request did not arrive in time; send it again.'],
  NOT_FOUND: [404, 'There is no such resource.'],
  UNAUTHENTICATED: [401, 'Send an operator token (Authorization: Bearer …) or a signed site request.'],
  FORBIDDEN: [403, 'This token or site may not do that.'],
  SIGNATURE_INVALID: [401, 'The signature does not match the registered key of this site.'],
  REQUEST_EXPIRED: [
    401,
    'The request was not signed within two minutes of this clock, or its nonce was used; the detail says which. Set the clock and send it again.',
  ],
  PROTOCOL_DIFFERS: [
    426,
    'The node and the coordinator speak different protocols and do not work together; update the one that the detail names.',
  ],
  ENROLMENT_TOKEN_INVALID: [403, 'The enrolment token is unknown, used or expired; ask an operator for a new one.'],
  SITE_EXISTS: [409, 'A site of this name is already registered.'],
  RUN_NOT_ENOUGH_SITES: [409, 'Fewer enrolled sites than the federation needs; enrol more or lower sites.min.'],
  RUN_ACTIVE: [409, 'A run of this federation is already in progress; wait for it or cancel it.'],
  RUN_FINISHED: [409, 'The run is over; start a new one.'],
  STRATEGY_NOT_OFFERED: [400, 'The strategy asks the sites for something they do not offer; choose another strategy.'],
  TASK_NOT_OFFERED: [
    409,
    'This site does not know that kind of task; update its node, or choose a strategy that does not need it.',
  ],
  RUN_CHECK_TIMED_OUT: [
    400,
    'Checking this run took too long; use a smaller model, fewer rounds or steps, or a larger local.samplingRate.',
  ],
  RUN_CHECK_MEMORY_EXCEEDED: [400, 'Checking this run took too much memory; use a smaller model.'],
  MODEL_INVALID: [400, 'The model file cannot be used for this federation.'],
  STEP_OUT_OF_ORDER: [409, 'This step is not the current one; fetch your assignments again.'],
  MESSAGE_CONFLICT: [409, 'A different message was already recorded here; the first one stands.'],
  EPOCH_SITE_MISSING: [504, 'A site did not answer a step of the key ceremony before its deadline.'],
  EPOCH_TRANSCRIPT_DIFFERS: [
    409,
    'The sites saw different ceremony messages; the epoch is void. Inspect the audit log before another run.',
  ],
  EPOCH_TERMS_DIFFER: [
    409,
    'The key epoch decrypts sums on other terms than the federation names; nothing was encrypted in it. Compare federation.yaml with that of the coordinator.',
  ],
  RELEASE_EXPIRED: [409, 'The release is past its expiry; ask an operator to issue it again.'],
  RELEASE_ROLLED_BACK: [
    409,
    'The release is older than the one installed; going back to old content needs a newer release.',
  ],
  RELEASE_COUNTER_JUMPED: [
    409,
    'A release counter is further ahead than releases can have taken it; compare the coordinator’s releases with its audit log before another one.',
  ],
  RELEASE_RECORD_INVALID: [
    409,
    'The record of the installed release is damaged or not signed by the coordinator; restore it from a backup, or remove it to take the coordinator’s present release.',
  ],
  RELEASE_FILE_DAMAGED: [
    409,
    'The model file on this node’s disk is not the one that was released; it is not served and is fetched again.',
  ],
  MODEL_NOT_CONFIGURED: [
    409,
    'This node does not serve that model; add its name to KOINON_MODELS at the site if it should.',
  ],
  ROSTER_CHANGED: [
    409,
    'A site’s keys are not the ones this node pinned. Compare fingerprints with that hospital before anything else.',
  ],
  EPOCH_SITE_REFUSED: [409, 'A site refused a step of the key ceremony; its code is in the round.'],
  UPLOAD_INCOMPLETE: [409, 'Blocks are missing; send them and commit again.'],
  UPLOAD_ROOT_MISMATCH: [409, 'The committed Merkle root is not that of the received blocks; send the blocks again.'],
  BLOCK_DIGEST_MISMATCH: [400, 'The block does not have the stated SHA-256; send it again.'],
  BLOCK_SIZE_INVALID: [400, 'The block does not have the length the scheme fixes.'],
  BLOB_MISSING: [
    404,
    'The bytes of this digest are not stored here; put them first, or restore the coordinator’s blobs from a backup.',
  ],
  BLOB_DAMAGED: [
    500,
    'Stored bytes are not those that were written; nothing was made of them. Check the coordinator’s disk and restore its blobs from a backup.',
  ],
  ROUND_DEADLINE_PASSED: [409, 'The deadline of the round has passed; the update was not taken.'],
  ROUND_QUORUM_MISSED: [
    504,
    'Fewer sites than the quorum delivered before the deadline; check the sites page and start again.',
  ],
  SHARES_MISSING: [
    504,
    'One of the fixed decryptors did not deliver its decryption share before the deadline; the sum is not decrypted.',
  ],
  SHARE_REFUSED: [409, 'A site refused to decrypt; its code is in the round.'],
  SHARE_INVALID: [
    500,
    'A decryption share does not fit the sum; its site is named in the round. The sum is not decrypted.',
  ],
  AGGREGATION_FAILED: [500, 'An upload could not be added; its site is named in the round.'],
  SUM_OUT_OF_RANGE: [500, 'The decrypted sum is not what the scheme can produce; nothing was released.'],
  STRATEGY_FAILED: [500, 'The server update did not give finite weights; nothing was released.'],
  BUDGET_EXHAUSTED: [409, 'The site’s privacy ledger does not allow this training; its budget is spent.'],
  TRAINING_DIVERGED: [
    409,
    'The training diverged: most of the update lies at the range it is clipped to. Lower local.learningRate or raise encryption.range.',
  ],
  SITE_TRAINING_FAILED: [409, 'Training at the site failed; the site’s log has the details.'],
  SITE_EVALUATION_FAILED: [
    409,
    'Evaluation at the site failed: the model took too much time or memory, or ended its process; the site’s log says which.',
  ],
  SITE_DATA_INVALID: [409, 'The site’s data does not match the records schema; its log names row and column.'],
  LEDGER_MISSING: [
    500,
    'This enrolled node has no privacy ledger; restore it from a backup. Without one, budget that is spent would be spent again.',
  ],
  LEDGER_UNUSABLE: [
    500,
    'The privacy ledger cannot be read or written, or is damaged; restore it from a backup and check the disk.',
  ],
  KEY_UNUSABLE: [
    500,
    'The key file is missing, damaged or not a pair; restore it from a backup. New keys are never made in its place.',
  ],
  DISK_FULL: [507, 'The disk is full; make room and the work goes on by itself.'],
  SITE_STATE_LOST: [409, 'The site no longer has the secrets of this epoch; it sits the round out.'],
  RUN_CANCELLED: [409, 'An operator cancelled the run.'],
  RUN_ENDED_BY_UPDATE: [
    409,
    'The coordinator was updated while this run was under way and could not go on with it; start a run from its last version.',
  ],
  DATABASE_UNREACHABLE: [503, 'PostgreSQL does not answer; check KOINON_DATABASE_URL and the server.'],
  REDIS_UNREACHABLE: [503, 'Redis does not answer; check KOINON_REDIS_URL and the server.'],
  REDIS_EVICTS: [
    500,
    'Redis is set up to throw keys away when its memory is full, and jobs with them; set its maxmemory-policy to noeviction.',
  ],
  REDIS_OUT_OF_MEMORY: [503, 'Redis has no memory left for a job; give it more, and the work goes on by itself.'],
  COORDINATOR_UNREACHABLE: [503, 'The coordinator does not answer; check its URL and the network.'],
  FEDERATION_FILE_INVALID: [400, 'The federation file does not match its schema; the details name each field.'],
  CONFIG_INVALID: [500, 'The configuration is not valid; the details name each setting.'],
  PLATFORM_UNSUPPORTED: [
    500,
    'Koinon does not run on this operating system and processor; the detail says where it does.',
  ],
  PORT_IN_USE: [500, 'The port is taken by another program; choose another or stop it.'],
  HOME_VERSION: [
    409,
    'The data directory was written by a version of Koinon that this one cannot read; the detail says what can.',
  ],
  HOME_NOT_WRITABLE: [500, 'The data directory cannot be written; check KOINON_HOME and its owner.'],
  TOKEN_FILE_DAMAGED: [
    500,
    'A token file in the coordinator’s data directory holds no token; remove it, and the next start makes a new one.',
  ],
  ALREADY_RUNNING: [409, 'Koinon is already running from this data directory; stop it or use another KOINON_HOME.'],
  INTERNAL: [500, 'Something failed inside; the log has the details under the request id.'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type ErrorCode = keyof typeof catalogue;

export interface FieldIssue {
  readonly path: string;
  readonly message: string;
}

/** An expected failure. `detail` adds public context (a site id, a row number), never a value. */
export class CodedError extends Error {
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    readonly detail?: string,
    readonly issues: readonly FieldIssue[] = [],
  ) {
    super(detail ? `${catalogue[code][1]} (${detail})` : catalogue[code][1]);
    this.name = 'CodedError';
    this.status = catalogue[code][0];
  }
}

/** The one form of a coded error outside its process: in HTTP answers, on stderr, between threads. Problem details (RFC 9457) with our code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly issues?: readonly FieldIssue[];
}

const typeOf = (code: ErrorCode): string => `urn:koinon:error:${code.toLowerCase().replaceAll('_', '-')}`;

export function toWire(error: CodedError): Problem {
  return {
    type: typeOf(error.code),
    title: catalogue[error.code][1],
    status: error.status,
    code: error.code,
    ...(error.detail ? { detail: error.detail } : {}),
    ...(error.issues.length ? { issues: error.issues } : {}),
  };
}

/** The error that `toWire` wrote; null when it is anything else. */
export function fromWire(value: unknown): CodedError | null {
  const { type, code, detail, issues } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!isErrorCode(code) || type !== typeOf(code)) return null;
  return new CodedError(
    code,
    typeof detail === 'string' ? detail : undefined,
    Array.isArray(issues) ? issues.filter(isFieldIssue) : [],
  );
}

const isFieldIssue = (value: unknown): value is FieldIssue => {
  const { path, message } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof path === 'string' && typeof message === 'string';
};

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(catalogue, text);
}

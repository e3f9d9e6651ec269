export type RuntimeErrorCode =
  | 'MODEL_SPEC_INVALID'
  | 'MODEL_FILE_UNREADABLE'
  | 'MODEL_DIGEST_MISMATCH'
  | 'MODEL_REFUSED'
  | 'MODEL_SIGNATURE_UNSUPPORTED'
  | 'MODEL_VERSION_CONFLICT'
  | 'GOLDEN_MISMATCH'
  | 'MODEL_NOT_LOADED'
  | 'VERSION_NOT_LOADED'
  | 'TENSOR_INVALID'
  | 'OUTPUT_UNKNOWN'
  | 'QUEUE_FULL'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INFERENCE_FAILED'
  | 'WORKER_LOST'
  | 'RUNTIME_CLOSED';

/** A coded failure of the runtime. Messages say what to do and never hold tensor values or file paths. */
export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string) {
    super(message);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

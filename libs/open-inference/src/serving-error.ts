import { RuntimeError, type RuntimeErrorCode } from '@koinon/inference';

/** Every failure a client can be told of: code → HTTP status. */
const statusOf = {
  BODY_INVALID: 400,
  REQUEST_INVALID: 400,
  TENSOR_INVALID: 400,
  OUTPUT_UNKNOWN: 400,
  TIMEOUT_INVALID: 400,
  MODEL_NOT_FOUND: 404,
  VERSION_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  CANCELLED: 499,
  INFERENCE_FAILED: 500,
  OUTPUT_INVALID: 500,
  INTERNAL: 500,
  MODEL_NOT_READY: 503,
  MODEL_EXPIRED: 503,
  QUEUE_FULL: 503,
  NODE_UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;

export type ServingErrorCode = keyof typeof statusOf;

/** A coded failure of a request. Messages say what to do and never hold values that a client or a model sent. */
export class ServingError extends Error {
  readonly code: ServingErrorCode;
  readonly status: number;

  constructor(code: ServingErrorCode, message: string) {
    super(message);
    this.name = 'ServingError';
    this.code = code;
    this.status = statusOf[code];
  }
}

const fromRuntime: Partial<Record<RuntimeErrorCode, ServingErrorCode>> = {
  MODEL_NOT_LOADED: 'MODEL_NOT_READY',
  VERSION_NOT_LOADED: 'VERSION_NOT_FOUND',
  TENSOR_INVALID: 'TENSOR_INVALID',
  OUTPUT_UNKNOWN: 'OUTPUT_UNKNOWN',
  QUEUE_FULL: 'QUEUE_FULL',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CANCELLED: 'CANCELLED',
  INFERENCE_FAILED: 'INFERENCE_FAILED',
  WORKER_LOST: 'NODE_UNAVAILABLE',
  RUNTIME_CLOSED: 'NODE_UNAVAILABLE',
};

const fromFastify: Readonly<Record<string, ServingError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new ServingError(
    'BODY_TOO_LARGE',
    'The request body is larger than this node accepts; send fewer rows at a time.',
  ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new ServingError(
    'BODY_INVALID',
    'The request body is not as long as Content-Length says.',
  ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new ServingError(
    'MEDIA_TYPE_UNSUPPORTED',
    'Send Content-Type: application/json or application/octet-stream.',
  ),
};

/** What a client is told about any error; nothing of an unforeseen one but that it happened. */
export function toServingError(error: unknown): ServingError {
  if (error instanceof ServingError) return error;
  if (error instanceof RuntimeError) {
    const code = fromRuntime[error.code];
    if (code) return new ServingError(code, error.message);
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const known = fromFastify[error.code];
    if (known) return known;
    if ('statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500) {
      return new ServingError('REQUEST_INVALID', 'The request cannot be read; check its address, headers and body.');
    }
  }
  return new ServingError('INTERNAL', 'The node failed to answer; its log has the reason.');
}

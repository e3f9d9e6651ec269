/** What went wrong, for callers that branch on it. */
export type PrivacyErrorCode =
  | 'PRIVACY_PARAMETER_INVALID'
  | 'PRIVACY_BUDGET_UNREACHABLE'
  | 'PRIVACY_RANDOM_SOURCE_INVALID';

/** A parameter, budget or randomness source this package cannot honour; the message says what to change. */
export class PrivacyError extends Error {
  override readonly name = 'PrivacyError';

  constructor(
    readonly code: PrivacyErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Throws PRIVACY_PARAMETER_INVALID with `message` unless `holds`. */
export function requireParameter(holds: boolean, message: string): void {
  if (!holds) throw new PrivacyError('PRIVACY_PARAMETER_INVALID', message);
}

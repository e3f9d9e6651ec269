import { CodedError, catalogue, type ErrorCode, type Failure } from '@koinon/contracts';
import { HeError, type HeErrorCode } from '@koinon/he';
import { StrategyError } from '@koinon/strategies';
import { isDatabaseAway } from '../database/unreachable.js';

const HE_CODES: Partial<Record<HeErrorCode, ErrorCode>> = {
  HEADER_INVALID: 'REQUEST_INVALID',
  NOISE_BUDGET_EXCEEDED: 'REQUEST_INVALID',
  COMBINE_FAILED: 'SUM_OUT_OF_RANGE',
  VALUE_OUT_OF_RANGE: 'SUM_OUT_OF_RANGE',
  DECRYPTION_SHARE_MISSING: 'SHARE_INVALID',
  DECRYPTION_SHARE_MALFORMED: 'SHARE_INVALID',
};

/** What an error is called where its end is recorded. What nobody foresaw is INTERNAL, never the name of something else. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CodedError) return { code: error.code, detail: error.detail ?? null };
  if (error instanceof HeError)
    return {
      code: HE_CODES[error.code] ?? 'AGGREGATION_FAILED',
      detail: [error.code, error.site].filter(Boolean).join(' '),
    };
  if (error instanceof StrategyError)
    return {
      code: error.code === 'STRATEGY_TOO_FEW_SITES' ? 'RUN_NOT_ENOUGH_SITES' : 'STRATEGY_FAILED',
      detail: error.code,
    };
  return { code: isDatabaseAway(error) ? 'DATABASE_UNREACHABLE' : 'INTERNAL', detail: null };
}

/** A service that is away or full: the work goes on by itself when it is back, however long that takes. */
export const isTransient = (error: unknown): boolean => [503, 507].includes(catalogue[failureOf(error).code][0]);

/** Expected failures stay failures however often they run; anything else is worth another try. */
export const isPermanent = (error: unknown): boolean =>
  error instanceof HeError || error instanceof StrategyError || (error instanceof CodedError && !isTransient(error));

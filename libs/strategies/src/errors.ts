export type StrategyErrorCode =
  | 'STRATEGY_UNKNOWN'
  | 'STRATEGY_PARAMETER_INVALID'
  | 'STRATEGY_TOO_FEW_SITES'
  | 'STRATEGY_AGGREGATE_INVALID'
  | 'STRATEGY_STATE_INVALID';

/** A strategy that cannot be built, or an input it cannot step on; the message says what to change. */
export class StrategyError extends Error {
  override readonly name = 'StrategyError';

  constructor(
    readonly code: StrategyErrorCode,
    message: string,
  ) {
    super(message);
  }
}

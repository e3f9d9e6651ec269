import { CodedError, fitSchema, type Federation, type Fit } from '@koinon/contracts';
import { StrategyError, strategyByName, type Strategy } from '@koinon/strategies';

export interface OfferedStrategy {
  readonly strategy: Strategy;
  /** What it asks of every site, all of which they offer. */
  readonly fit: Fit;
}

/**
 * The strategy a federation names, checked against what sites offer.
 * @throws CodedError REQUEST_INVALID for an unknown name or parameter, STRATEGY_NOT_OFFERED naming what no site does
 */
export function offeredStrategy({ strategy: { name, params } }: Pick<Federation, 'strategy'>): OfferedStrategy {
  const strategy = checkedStrategy(name, params);
  const fit = fitSchema.safeParse(strategy.fit);
  if (!fit.success)
    throw new CodedError(
      'STRATEGY_NOT_OFFERED',
      `${name} needs ${fit.error.issues.map((issue) => issue.path.join('.')).join(', ')}`,
    );
  return { strategy, fit: fit.data };
}

function checkedStrategy(name: string, params: Federation['strategy']['params']): Strategy {
  try {
    return strategyByName(name, params);
  } catch (error) {
    throw error instanceof StrategyError ? new CodedError('REQUEST_INVALID', error.message) : error;
  }
}

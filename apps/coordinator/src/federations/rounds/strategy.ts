import { CodedError, type Federation } from '@koinon/contracts';
import { taskKinds, type TaskRequest } from '@koinon/secure-tasks';
import { StrategyError, strategyByName, type Strategy } from '@koinon/strategies';
import type { EntityManager } from 'typeorm';
import { sitesOffering } from '../../identity/presence.js';

type Named = Pick<Federation, 'strategy'>;

/** The strategy a federation names. @throws CodedError REQUEST_INVALID for an unknown name or parameter */
export function strategyOf({ strategy: { name, params } }: Named): Strategy {
  try {
    return strategyByName(name, params);
  } catch (error) {
    throw error instanceof StrategyError ? new CodedError('REQUEST_INVALID', error.message) : error;
  }
}

/**
 * What a run's strategy asks of its first round.
 * @throws CodedError as `strategyOf`, STRATEGY_NOT_OFFERED naming what no site does whatever its version
 */
export function requestsOf(federation: Named): readonly TaskRequest[] {
  const requests = strategyOf(federation).tasks({ told: {} });
  for (const { task, ask } of requests) {
    const { error } = taskKinds[task].ask.safeParse(ask);
    if (error)
      throw new CodedError(
        'STRATEGY_NOT_OFFERED',
        error.issues.map(({ path }) => [task, ...path].join('.')).join(', '),
      );
  }
  return requests;
}

/** @throws CodedError STRATEGY_NOT_OFFERED when too few of the enrolled sites take the tasks of a strategy */
export async function checkOffered(
  m: EntityManager,
  { strategy, sites }: Pick<Federation, 'strategy' | 'sites'>,
  requests: readonly TaskRequest[],
): Promise<void> {
  const offering = await sitesOffering(m, requests);
  if (offering.length >= sites.min) return;
  const tasks = requests.map(({ task }) => task).join(', ');
  throw new CodedError(
    'STRATEGY_NOT_OFFERED',
    `${strategy.name} needs ${tasks} of ${sites.min} sites, and ${offering.length} offer them; update the nodes of the others`,
  );
}

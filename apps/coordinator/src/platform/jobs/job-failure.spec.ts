import { CodedError } from '@koinon/contracts';
import { HeError } from '@koinon/he';
import { StrategyError } from '@koinon/strategies';
import { describe, expect, it } from 'vitest';
import { failureOf, isPermanent } from './job-failure.js';

describe('the end of a job', () => {
  it.each([
    [new CodedError('MODEL_INVALID', 'no weights'), 'MODEL_INVALID', 'no weights', true],
    [new CodedError('DATABASE_UNREACHABLE'), 'DATABASE_UNREACHABLE', null, false],
    [new CodedError('DISK_FULL'), 'DISK_FULL', null, false],
    [new HeError('COMBINE_FAILED', 'x'), 'SUM_OUT_OF_RANGE', 'COMBINE_FAILED', true],
    [
      new HeError('DECRYPTION_SHARE_MALFORMED', 'x', 'alpha'),
      'SHARE_INVALID',
      'DECRYPTION_SHARE_MALFORMED alpha',
      true,
    ],
    [new HeError('BLOCK_MALFORMED', 'x', 'alpha'), 'AGGREGATION_FAILED', 'BLOCK_MALFORMED alpha', true],
    [new StrategyError('STRATEGY_PARAMETER_INVALID', 'x'), 'STRATEGY_FAILED', 'STRATEGY_PARAMETER_INVALID', true],
    [new StrategyError('STRATEGY_TOO_FEW_SITES', 'x'), 'RUN_NOT_ENOUGH_SITES', 'STRATEGY_TOO_FEW_SITES', true],
    [new Error('connection terminated'), 'INTERNAL', null, false],
    [new Error('Connection terminated unexpectedly'), 'DATABASE_UNREACHABLE', null, false],
    ['a string', 'INTERNAL', null, false],
  ])('%s is recorded as %s (%s); permanent: %s', (error, code, detail, permanent) => {
    expect(failureOf(error)).toEqual({ code, detail });
    expect(isPermanent(error)).toBe(permanent);
  });
});

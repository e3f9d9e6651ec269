import type { AskOf, TaskRequest } from '@koinon/secure-tasks';

const plainTraining: AskOf<'fit'> = { weighting: 'records', proximalMu: 0, controlVariate: false, control: null };

export const training = (besides: Partial<AskOf<'fit'>> = {}): TaskRequest => ({
  task: 'fit',
  on: 'base',
  ask: { ...plainTraining, ...besides },
});

/** Every round says how good its model is. */
export const evaluation: TaskRequest = { task: 'evaluate', on: 'next', ask: {} };

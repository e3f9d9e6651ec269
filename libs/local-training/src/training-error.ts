export type TrainingErrorCode =
  | 'TRAINING_JOB_INVALID'
  | 'TRAINING_DATA_INVALID'
  | 'TRAINING_MODEL_INVALID'
  | 'TRAINING_DIVERGED'
  | 'TRAINING_TIMED_OUT'
  | 'TRAINING_MEMORY_EXCEEDED'
  | 'TRAINING_CANCELLED'
  | 'TRAINING_CRASHED'
  | 'TRAINING_BUDGET_EXHAUSTED'
  | 'TRAINING_NOISE_REQUIRED'
  | 'TRAINING_ALREADY_RELEASED'
  | 'EVALUATION_MODEL_INVALID'
  | 'EVALUATION_TIMED_OUT'
  | 'EVALUATION_MEMORY_EXCEEDED'
  | 'EVALUATION_CANCELLED'
  | 'EVALUATION_CRASHED';

/** Local training or evaluation did not happen or did not finish. The message is for the site's log; only `code` may leave the site. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';

  constructor(
    readonly code: TrainingErrorCode,
    message: string,
  ) {
    super(message);
  }
}

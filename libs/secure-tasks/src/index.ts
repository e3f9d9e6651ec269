export { releasedIn, type Charge, type ChargedRound } from './charge.js';
export { controlChange } from './control-variate.js';
export { fit, type FitAsk, type FitInput, type FitResult } from './fit.js';
export type { RoundFrame } from './round-frame.js';
export { countScores, COUNTS_LENGTH, metricsFromCounts } from './score-counts.js';
export type { Controls, MadeControl, Site, Trained, Training } from './site.js';
export { requestedTask, taskOf, type Task } from './task.js';
export { taskKinds, taskNames, type AskOf, type TaskName, type TaskRequest, type TaskResults } from './task-kinds.js';
export { updateLength } from './update-vector.js';

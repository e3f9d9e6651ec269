import { CodedError, parse, type Federation } from '@koinon/contracts';
import type { Charge, ChargedRound } from './charge.js';
import type { RoundFrame } from './round-frame.js';
import type { Site } from './site.js';
import type { TaskInput, TaskKind } from './task-kind.js';
import { taskKinds, type TaskName, type TaskRequest } from './task-kinds.js';

/** One sum of a round: its kind with what a site is told of it, the same at the coordinator and at every site. */
export interface Task {
  readonly name: TaskName;
  readonly input: TaskInput;
  readonly federation: Federation;
  readonly charges: readonly Charge[];
  readonly answers: ChargedRound | null;
  width(parameters: number): number;
  compute(site: Site): Promise<Uint32Array>;
  decode(sum: Uint32Array, uploads: number): unknown;
}

/** At a site, from what it is told. @throws CodedError TASK_NOT_OFFERED, REQUEST_INVALID */
export function taskOf(name: string, told: unknown): Task {
  if (!Object.hasOwn(taskKinds, name)) throw new CodedError('TASK_NOT_OFFERED', name);
  return bound(name as TaskName, taskKinds[name as TaskName] as unknown as TaskKind<unknown, TaskInput, unknown>, told);
}

/** At the coordinator, from what a strategy asks in a round. */
export const requestedTask = ({ task, ask }: TaskRequest, frame: RoundFrame): Task =>
  taskOf(task, { ...frame, ...ask });

function bound(name: TaskName, kind: TaskKind<unknown, TaskInput, unknown>, told: unknown): Task {
  const input = parse(kind.input, told);
  return {
    name,
    input,
    federation: input.federation,
    charges: kind.charge(input),
    answers: kind.answers(input),
    width: (parameters) => kind.width(input, parameters),
    compute: (site) => kind.compute(input, site),
    decode: (sum, uploads) => kind.decode(input, sum, uploads),
  };
}

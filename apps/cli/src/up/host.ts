import type { CodedError } from '@koinon/contracts';
import type { Program } from '@koinon/supervisor';
import type { Plan } from './options.js';

export interface MachineOptions {
  readonly folder: string;
  readonly plan: Plan;
  /** Port of the coordinator; the nodes take the following ones. 0 takes free ports. */
  readonly port: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What runs programs for the parts of a federation. */
export interface Host {
  readonly options: MachineOptions;
  /** Aborts when a part ended that nobody can do without, or somebody wants to stop. */
  readonly signal: AbortSignal;
  program(
    name: string,
    file: string,
    environment: Record<string, string>,
    onGiveUp: (failure: CodedError) => void,
  ): Program;
}

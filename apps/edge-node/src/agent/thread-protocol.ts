/**
 * Messages between the thread that serves (agent-host.ts) and the thread that takes part in the federation (agent-worker.ts).
 *
 * | message    | from  | when                                                   | answered by                          |
 * |------------|-------|--------------------------------------------------------|--------------------------------------|
 * | workerData | host  | once, an `AgentStart`                                  | `enrolled` or `failed`               |
 * | `enrolled` | agent | once, when keys, ledger and enrolment are in order     | nothing                              |
 * | `load`     | agent | any time, several may be open                          | one `loaded` of the same `id`        |
 * | `loaded`   | host  | when the model answers requests, or why it does not    | nothing; a `serving` follows         |
 * | `serving`  | host  | every few seconds and after each `loaded`              | nothing; the agent reports it upward |
 * | `failed`   | agent | at most once, its last message: the agent cannot go on | the host stops the node              |
 * | `stop`     | host  | at most once                                           | the thread’s exit                    |
 *
 * `enrolled` comes before the first `load`. Messages of one direction arrive in order. No record, key or path to records crosses
 * after the start; `file` names a verified model in the node’s home.
 */
import type { Problem } from '@koinon/contracts';
import type { NodeConfig } from '../config.js';
import type { Term } from '@koinon/open-inference';

export interface AgentStart {
  readonly config: NodeConfig;
  readonly servingUrl: string;
}

export interface ServingNow {
  readonly requests: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export type ToServing =
  | { readonly kind: 'enrolled' }
  | {
      readonly kind: 'load';
      readonly id: number;
      readonly model: string;
      readonly version: number;
      readonly sha256: string;
      readonly file: string;
      readonly term: Term | null;
    }
  | { readonly kind: 'failed'; readonly problem: Problem | null; readonly message: string };

export type ToAgent =
  | { readonly kind: 'loaded'; readonly id: number; readonly problem: Problem | null }
  | { readonly kind: 'serving'; readonly stats: ServingNow }
  | { readonly kind: 'stop' };

/** Messages between the serving thread and the agent thread. */
import type { Problem } from '@koinon/contracts';
import type { NodeConfig } from '../config.js';
import type { Term } from '../releases/term.js';

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
  | { readonly kind: 'load'; readonly id: number; readonly model: string; readonly version: number; readonly sha256: string; readonly file: string; readonly term: Term | null }
  | { readonly kind: 'failed'; readonly problem: Problem | null; readonly message: string };

export type ToAgent =
  | { readonly kind: 'loaded'; readonly id: number; readonly problem: Problem | null }
  | { readonly kind: 'serving'; readonly stats: ServingNow }
  | { readonly kind: 'stop' };

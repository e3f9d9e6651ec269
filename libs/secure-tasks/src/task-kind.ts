import type { Federation } from '@koinon/contracts';
import type { z } from 'zod';
import type { Charge, ChargedRound } from './charge.js';
import type { Site } from './site.js';

/** Every task is one of a federation. */
export interface TaskInput {
  readonly federation: Federation;
}

/**
 * One kind of secure sum: what goes in, how wide it is, what it costs, what is computed of it at a site, and what comes out.
 * Coordinator and sites read the same kind, so neither takes the other's word for any of it.
 */
export interface TaskKind<Ask, Input extends TaskInput, Result> {
  /** What a strategy chooses. */
  readonly ask: z.ZodType<Ask>;
  /** All that a site is told, of what the round and the strategy know; nothing else reaches it. */
  readonly input: z.ZodType<Input>;
  /** Values of the summed vector for a model of so many trainable values: computed on both sides, never sent. */
  width(input: Input, parameters: number): number;
  charge(input: Input): readonly Charge[];
  /** The charged round whose result leaves the site with this task: from its first byte on that round is never computed again. */
  answers(input: Input): ChargedRound | null;
  /** At the site. @returns what is encrypted: `width` integers below 2^bits */
  compute(input: Input, site: Site): Promise<Uint32Array>;
  /** At the coordinator. @param sum the opened integers of `uploads` sites @throws CodedError SUM_OUT_OF_RANGE, TRAINING_DIVERGED */
  decode(input: Input, sum: Uint32Array, uploads: number): Result;
}

import type { z } from 'zod';
import { evaluate } from './evaluate.js';
import { fit } from './fit.js';

/** Every kind of secure sum there is. */
export const taskKinds = { fit, evaluate } as const;

export type TaskName = keyof typeof taskKinds;
export type AskOf<K extends TaskName> = z.infer<(typeof taskKinds)[K]['ask']>;
export type TaskResults = { readonly [K in TaskName]: ReturnType<(typeof taskKinds)[K]['decode']> };

export const taskNames = Object.keys(taskKinds) as TaskName[];

/** A sum that a strategy wants, and what is its own to choose. */
export type TaskRequest = {
  readonly [K in TaskName]: {
    readonly task: K;
    /** The model that it is about: the round's, or the one that the strategy makes of the results on that. */
    readonly on: 'base' | 'next';
    readonly ask: AskOf<K>;
  };
}[TaskName];

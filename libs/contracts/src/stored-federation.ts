/** The recipe of a run as it was stored when the run began. */
import { z } from 'zod';
import type { Federation } from './federation.js';

/**
 * Reads what was started, by this version of Koinon or by one before it. It has the fields of `federationSchema` and none of
 * its ranges: those decide what may be started and what a site does. A list must show every run there ever was.
 */
export const storedFederationSchema: z.ZodType<Federation> = z.object({
  name: z.string(),
  task: z.literal('binary'),
  model: z.object({
    file: z.string(),
    output: z.string(),
    trainable: z.array(z.string()),
    loss: z.enum(['bce', 'cross-entropy', 'mse']),
  }),
  records: z.string(),
  sites: z.object({
    min: z.number(),
    threshold: z.union([z.literal('majority'), z.number()]),
    roundTimeoutMs: z.number(),
    fraction: z.number(),
    maxRecords: z.number(),
  }),
  strategy: z.object({ name: z.string(), params: z.record(z.string(), z.union([z.number(), z.boolean()])) }),
  rounds: z.number(),
  local: z.object({
    steps: z.number(),
    samplingRate: z.number(),
    learningRate: z.number(),
    optimizer: z.literal('sgd'),
  }),
  privacy: z.object({
    unit: z.literal('record'),
    epsilon: z.number().nullable(),
    delta: z.number(),
    clippingNorm: z.number(),
    accountant: z.enum(['rdp', 'pld']),
    recordCountNoise: z.number(),
  }),
  encryption: z.object({ scheme: z.string(), bits: z.union([z.literal(8), z.literal(16)]), range: z.number() }),
  promotion: z.object({
    alias: z.string(),
    gate: z.object({ minAuc: z.number().optional(), noWorseThan: z.string().optional() }),
  }),
});

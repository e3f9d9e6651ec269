/** `federation.yaml`: everything a run is made of, checked before anything starts. */
import { z } from 'zod';
import { schemeNameSchema } from './ids.js';
import { longestWaitMs, ranges } from './ranges.js';
import { thresholdSchema } from './threshold.js';

const aliasSchema = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens');

export const privacySchema = z.strictObject({
  unit: z.literal('record'),
  /** null trains without noise; clipping stays. The ledger then has nothing to charge and says so. */
  epsilon: ranges.epsilon.nullable(),
  delta: ranges.delta,
  clippingNorm: ranges.clippingNorm,
  accountant: z.enum(['rdp', 'pld']).default('pld'),
  /** Standard deviation of the noise on a site's row count, the weight of its update. 0 when epsilon is null. */
  rowCountNoise: ranges.rowCountNoise.default(10),
});

export const federationSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{1,62}$/, 'lower-case letters, digits and hyphens'),
    model: z.strictObject({
      file: z.string(),
      /** The value the loss is taken on; nodes behind it only serve. */
      logits: z.string(),
      trainable: z.array(z.string()).min(1),
      loss: z.enum(['bce', 'cross-entropy', 'mse']),
    }),
    features: z.string(),
    sites: z.strictObject({
      /** Fewest uploads a sum is opened over. One alone would be opened as it is. */
      min: z.int().min(2),
      /** Key holders that open a sum together; `majority` follows the roster of each key epoch. */
      threshold: thresholdSchema.default('majority'),
      roundTimeoutMs: z.int().min(1000).max(longestWaitMs),
      fraction: z.number().gt(0).max(1).default(1),
      /** A site weighs by its noised row count, but at most as this many rows. */
      maxRows: ranges.maxRows.default(256),
    }),
    strategy: z.strictObject({
      name: z.string(),
      params: z.record(z.string(), z.union([z.number(), z.boolean()])).default({}),
    }),
    rounds: ranges.rounds,
    local: z.strictObject({
      steps: ranges.steps,
      samplingRate: ranges.samplingRate,
      learningRate: ranges.learningRate,
      optimizer: z.literal('sgd'),
    }),
    privacy: privacySchema,
    encryption: z.strictObject({
      scheme: schemeNameSchema,
      bits: z.union([z.literal(8), z.literal(16)]),
      /** Updates are clipped to [-range, range] before they are quantised. */
      range: ranges.updateRange.default(1),
    }),
    promotion: z.strictObject({
      alias: aliasSchema.default('champion'),
      gate: z.strictObject({
        minAuc: z.number().min(0).max(1).optional(),
        /** An alias whose version must not be better: the promoted one, or another that a version has. */
        noWorseThan: aliasSchema.optional(),
      }),
    }),
  })
  .refine(({ sites: { min, threshold } }) => threshold === 'majority' || min >= threshold, {
    path: ['sites', 'min'],
    message: 'must not be below sites.threshold',
  });

export type Federation = z.infer<typeof federationSchema>;

/** `federation.yaml`: everything a run is made of, checked before anything starts. */
import { z } from 'zod';
import { formerWordsIn } from './former-words.js';
import { schemeNameSchema } from './ids.js';
import { LONGEST_WAIT_MS, ranges } from './ranges.js';
import { thresholdSchema } from './threshold.js';

const aliasSchema = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens');

export const privacySchema = z.strictObject({
  unit: z.literal('record'),
  /** null trains without noise; clipping stays. The ledger then has nothing to charge and says so. */
  epsilon: ranges.epsilon.nullable(),
  delta: ranges.delta,
  clippingNorm: ranges.clippingNorm,
  accountant: z.enum(['rdp', 'pld']).default('pld'),
  /** Standard deviation of the noise on a site's record count, the weight of its update. 0 when epsilon is null. */
  recordCountNoise: ranges.recordCountNoise.default(10),
});

const presentWords = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{1,62}$/, 'lower-case letters, digits and hyphens'),
    /** What the model decides: its first output is the probability of the positive class, and sites count right and wrong by it. */
    task: z.literal(
      'binary',
      'binary is the only task there is; the model’s first output is the probability of the positive class',
    ),
    model: z.strictObject({
      file: z.string(),
      /** The value the loss is taken on; nodes behind it only serve. */
      output: z.string(),
      trainable: z.array(z.string()).min(1),
      loss: z.enum(['bce', 'cross-entropy', 'mse']),
    }),
    /** The file that says what a record is: its fields with types and public ranges, and what is to be predicted. */
    records: z.string(),
    sites: z.strictObject({
      /** Fewest uploads a sum is decrypted over. One alone would be decrypted as it is. */
      min: z.int().min(2),
      /** Key holders that decrypt a sum together; `majority` follows the roster of each key epoch. */
      threshold: thresholdSchema.default('majority'),
      roundTimeoutMs: z.int().min(1000).max(LONGEST_WAIT_MS),
      fraction: z.number().gt(0).max(1).default(1),
      /** A site weighs by its noised record count, but at most as this many. */
      maxRecords: ranges.maxRecords.default(256),
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

export const federationSchema = z.preprocess((file, context) => {
  for (const { path, message } of formerWordsIn(file)) context.addIssue({ code: 'custom', path, message });
  return file;
}, presentWords);

export type Federation = z.infer<typeof federationSchema>;

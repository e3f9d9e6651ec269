import { federationSchema, ranges, sha256Schema, uuidSchema } from '@koinon/contracts';
import { z } from 'zod';

/** What a coordinator knows of a round for one of its sites. Every kind picks from it what its sites are told. */
export const roundFrame = z.object({
  runId: uuidSchema,
  round: z.int().positive(),
  federation: federationSchema,
  recordsSchemaSha256: sha256Schema,
  /** The model that the task is about. */
  modelSha256: sha256Schema,
  /** The run's noise, calibrated once by the coordinator; a site checks it before it trains. */
  noiseMultiplier: ranges.noiseMultiplier,
  /** Of a repeatable run; honoured where no privacy is claimed. */
  seed: z.int().optional(),
  /** By task, the last round that was made of sums in which this site's upload was. */
  counted: z.partialRecord(z.string(), z.int().positive()),
});
export type RoundFrame = z.infer<typeof roundFrame>;

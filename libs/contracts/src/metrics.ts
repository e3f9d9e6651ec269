import { z } from 'zod';

/** Metrics of a binary classifier on the test splits of all participating sites together. */
export const metricsSchema = z.object({
  accuracy: z.number().min(0).max(1),
  auc: z.number().min(0).max(1),
  f1: z.number().min(0).max(1),
  records: z.int().nonnegative(),
});
export type Metrics = z.infer<typeof metricsSchema>;

import { z } from 'zod';
import type { Problem } from './errors.js';
import { errorCodeSchema } from './site-api.js';

/** What `toWire` writes. */
export const problemSchema: z.ZodType<Problem> = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: errorCodeSchema,
  detail: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
}) as z.ZodType<Problem>;

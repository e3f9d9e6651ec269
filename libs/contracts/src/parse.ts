import type { z } from 'zod';
import { CodedError } from './errors.js';

/** @throws CodedError REQUEST_INVALID with one issue per field */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message }));
  throw new CodedError('REQUEST_INVALID', undefined, issues);
}

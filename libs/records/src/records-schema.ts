import { basename } from 'node:path';
import { z } from 'zod';
import { DataError } from './data-error.js';
import { readJson } from './read-file.js';

const interval = z.tuple([z.number(), z.number()]).refine(([low, high]) => low <= high, 'low end above high end');

const columnSchema = z.object({
  name: z.string().min(1),
  unit: z.string(),
  range: interval.optional(),
  levels: z.array(z.number()).min(1).optional(),
});
const featureSchema = z.object({
  name: z.string().min(1),
  unit: z.string(),
  type: z.enum(['number', 'binary']),
  range: interval,
  column: z.string(),
  transform: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('identity') }),
    z.object({ kind: z.literal('equals'), value: z.number() }),
  ]),
  centre: z.number(),
  halfWidth: z.number().positive(),
});
const schema = z.object({
  name: z.string(),
  input: z.object({ name: z.string(), clip: z.number().positive() }),
  source: z.object({ delimiter: z.string().length(1), missing: z.string(), columns: z.array(columnSchema).min(1) }),
  label: z.object({
    column: z.string(),
    positiveAbove: z.number(),
    oneClassSplits: z.array(z.object({ centre: z.string(), split: z.enum(['train', 'test']) })),
  }),
  features: z.array(featureSchema).min(1),
});

/** The part of `records.schema.json` that reading a table needs. */
export type RecordsSchema = z.infer<typeof schema>;
export type SourceColumn = z.infer<typeof columnSchema>;

/**
 * Reads and checks a records schema: every feature and the label name a column that states its range or levels.
 * @throws DataError DATA_SCHEMA_INVALID and what reading a file throws
 */
export function readRecordsSchema(path: string): RecordsSchema {
  const file = basename(path);
  const parsed = schema.safeParse(readJson(path, 'DATA_SCHEMA_INVALID'));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError('DATA_SCHEMA_INVALID', { file }, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const columns = new Map(parsed.data.source.columns.map((column) => [column.name, column]));
  for (const name of requiredColumns(parsed.data)) {
    const column = columns.get(name);
    if (column === undefined)
      throw new DataError('DATA_SCHEMA_INVALID', { file, column: name }, 'it is not among the source columns');
    if (!column.range && !column.levels)
      throw new DataError('DATA_SCHEMA_INVALID', { file, column: name }, 'it needs a range or levels');
  }
  return parsed.data;
}

/** Names of the columns without which a row cannot be used. */
export function requiredColumns({ features, label }: RecordsSchema): Set<string> {
  return new Set([...features.map((feature) => feature.column), label.column]);
}

import { basename } from 'node:path';
import { z } from 'zod';
import { DataError } from './data-error.js';
import { readJson } from './read-file.js';

const rowNumbers = z.array(z.int().nonnegative());
const schema = z.object({
  centres: z.record(z.string(), z.object({ train_rows: rowNumbers, test_rows: rowNumbers })),
});

/** 0-based lines of the centre's table. No line stands twice: a record counted twice would break its privacy bound. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** @throws DataError DATA_SPLIT_INVALID, DATA_SPLIT_ROW_TWICE and what reading a file throws */
export function readSplit(path: string, centre: string): Split {
  const file = basename(path);
  const parsed = schema.safeParse(readJson(path, 'DATA_SPLIT_INVALID'));
  if (!parsed.success) {
    throw new DataError(
      'DATA_SPLIT_INVALID',
      { file },
      `${parsed.error.issues[0]?.path.join('.') ?? ''} is not a list of row numbers`,
    );
  }
  const entry = Object.hasOwn(parsed.data.centres, centre) ? parsed.data.centres[centre] : undefined;
  if (entry === undefined) throw new DataError('DATA_SPLIT_INVALID', { file }, `it has no centre ${centre}`);
  const split = { train: entry.train_rows, test: entry.test_rows };
  const seen = new Set<number>();
  for (const row of [...split.train, ...split.test]) {
    if (seen.has(row))
      throw new DataError('DATA_SPLIT_ROW_TWICE', { file, row: row + 1 }, `centre ${centre} uses this row twice`);
    seen.add(row);
  }
  return split;
}

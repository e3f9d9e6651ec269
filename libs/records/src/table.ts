import { basename } from 'node:path';
import { DataError } from './data-error.js';
import { requiredColumns, type RecordsSchema, type SourceColumn } from './records-schema.js';
import { readText } from './read-file.js';

/** One line of the table: required cells by column name, or null when one of them is missing. */
export type Row = ReadonlyMap<string, number> | null;

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads every line of a hospital's table and checks each required cell, in rows that will be dropped too.
 * @returns one entry per line, so that row numbers of a split stay valid
 * @throws DataError DATA_EMPTY, DATA_COLUMN_COUNT, DATA_NOT_A_NUMBER, DATA_OUT_OF_RANGE and what reading throws
 */
export function readTable(path: string, schema: RecordsSchema): Row[] {
  const file = basename(path);
  const lines = readText(path).split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  if (lines.length === 0) throw new DataError('DATA_EMPTY', { file }, 'it has no rows');
  const required = requiredColumns(schema);
  return lines.map((line, index) => readRow(line, schema, required, { file, row: index + 1 }));
}

function readRow(
  line: string,
  schema: RecordsSchema,
  required: ReadonlySet<string>,
  place: { file: string; row: number },
): Row {
  const { columns, delimiter, missing } = schema.source;
  const cells = line.split(delimiter);
  if (cells.length !== columns.length) {
    throw new DataError(
      'DATA_COLUMN_COUNT',
      place,
      `it has ${cells.length} columns, the records schema has ${columns.length}`,
    );
  }
  const row = new Map<string, number>();
  let complete = true;
  columns.forEach((column, index) => {
    if (!required.has(column.name)) return;
    const cell = (cells[index] ?? '').trim();
    if (cell === missing) complete = false;
    else row.set(column.name, readCell(cell, column, { ...place, column: column.name }));
  });
  return complete ? row : null;
}

function readCell(
  cell: string,
  { range, levels, unit }: SourceColumn,
  place: { file: string; row: number; column: string },
): number {
  const value = Number(cell);
  if (!DECIMAL.test(cell) || !Number.isFinite(value)) {
    throw new DataError('DATA_NOT_A_NUMBER', place, 'it is neither a number nor the missing marker');
  }
  if (levels && !levels.includes(value)) {
    throw new DataError('DATA_OUT_OF_RANGE', place, `it is not one of the levels ${levels.join(', ')}`);
  }
  if (range && !(value >= range[0] && value <= range[1])) {
    throw new DataError('DATA_OUT_OF_RANGE', place, `it lies outside ${range[0]} to ${range[1]} ${unit}`);
  }
  return value;
}

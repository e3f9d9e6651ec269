import { basename } from 'node:path';
import { DataError } from './data-error.js';
import { readRecordsSchema, type RecordsSchema } from './records-schema.js';
import { readSplit } from './split.js';
import { readTable, type Row } from './table.js';

/** Where one hospital's records are. */
export interface DataSource {
  readonly file: string;
  readonly schemaFile: string;
  readonly splitFile: string;
  readonly centre: string;
}

/** Raw feature values in the schema's order, [rows × features], and labels 0 or 1. */
export interface Records {
  readonly features: Float32Array;
  readonly labels: Float32Array;
  readonly rows: number;
}

export interface HospitalData {
  readonly train: Records;
  readonly test: Records;
  /** Values per row. */
  readonly width: number;
  /** Name of the model input the rows go to. */
  readonly inputName: string;
}

/**
 * Reads a hospital's table by the records schema and gives the rows of its split. Rows that lack a required value
 * are never used.
 * @throws DataError naming file, row and column, never a value
 */
export function loadHospitalData(source: DataSource): HospitalData {
  const schema = readRecordsSchema(source.schemaFile);
  const split = readSplit(source.splitFile, source.centre);
  const table = readTable(source.file, schema);
  const take = (name: 'train' | 'test'): Records => {
    const records = select(table, split[name], schema, basename(source.file));
    const oneClass = schema.label.oneClassSplits.some(
      (known) => known.centre === source.centre && known.split === name,
    );
    requireClasses(records, oneClass ? 1 : 2, basename(source.file), name);
    return records;
  };
  return { train: take('train'), test: take('test'), width: schema.features.length, inputName: schema.input.name };
}

function select(table: readonly Row[], wanted: readonly number[], schema: RecordsSchema, file: string): Records {
  const width = schema.features.length;
  const features = new Float32Array(wanted.length * width);
  const labels = new Float32Array(wanted.length);
  wanted.forEach((number, index) => {
    const row = table[number];
    if (row === undefined) {
      throw new DataError(
        'DATA_SPLIT_ROW_UNKNOWN',
        { file, row: number + 1 },
        `the split names this row, the file has ${table.length}`,
      );
    }
    if (row === null) {
      throw new DataError(
        'DATA_SPLIT_ROW_INCOMPLETE',
        { file, row: number + 1 },
        'the split names this row, a required value is missing in it',
      );
    }
    schema.features.forEach(({ column, transform }, position) => {
      const value = row.get(column)!;
      features[index * width + position] = transform.kind === 'equals' ? Number(value === transform.value) : value;
    });
    labels[index] = Number(row.get(schema.label.column)! > schema.label.positiveAbove);
  });
  return { features, labels, rows: wanted.length };
}

function requireClasses({ labels, rows }: Records, atLeast: 1 | 2, file: string, split: string): void {
  if (rows === 0) throw new DataError('DATA_EMPTY', { file }, `no row is in its ${split} split`);
  const present = new Set(labels);
  if (present.size >= atLeast) return;
  const absent = present.has(1) ? 0 : 1;
  throw new DataError(
    'DATA_CLASS_ABSENT',
    { file },
    `class ${absent} never occurs in its ${split} split; check the label column and the split`,
  );
}

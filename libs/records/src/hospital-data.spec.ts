import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError } from './data-error.js';
import { loadHospitalData, type DataSource } from './hospital-data.js';

const model = fileURLToPath(new URL('../../../models/heart-disease/', import.meta.url));
const real = (centre: string): DataSource => ({
  file: join(model, `data/processed.${centre}.data`),
  schemaFile: join(model, 'records.schema.json'),
  splitFile: join(model, 'data/flamby_split_43.json'),
  centre,
});

const good = [
  '63.0,1.0,4.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0',
  '32,1,1,95,0,0,0,127,0,.7,1,?,?,1',
  '60,0,3,110,200,0,1,160,0,0,?,?,?,2',
  '61,0,2,110,200,0,1,160,0,0,?,?,?,0',
];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'koinon data '));
});
afterEach(() => rmSync(folder, { recursive: true }));

function hospital(lines: readonly string[], split: unknown = { train_rows: [0, 1], test_rows: [2, 3] }): DataSource {
  writeFileSync(join(folder, 'patients.csv'), lines.map((line) => `${line}\n`).join(''));
  writeFileSync(join(folder, 'split.json'), JSON.stringify({ centres: { here: split } }));
  return {
    file: join(folder, 'patients.csv'),
    schemaFile: join(model, 'records.schema.json'),
    splitFile: join(folder, 'split.json'),
    centre: 'here',
  };
}

function refusal(source: DataSource): DataError {
  try {
    loadHospitalData(source);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
  throw new Error('the data was accepted');
}

const edited = (column: number, value: string): string[] =>
  good.map((line, row) => (row === 1 ? line.split(',').with(column, value).join(',') : line));

describe('loadHospitalData', () => {
  // Sizes published in FLamby's fed_heart_disease README; positives counted by an independent script.
  it.each([
    ['cleveland', 199, 104, 91, 48],
    ['hungarian', 172, 89, 65, 33],
    ['switzerland', 30, 16, 30, 15],
    ['va', 85, 45, 66, 35],
  ])('reads the rows of %s as FLamby does', (centre, train, test, trainPositives, testPositives) => {
    const data = loadHospitalData(real(centre));
    const positives = (labels: Float32Array): number => labels.reduce((sum, label) => sum + label, 0);
    expect([data.train.rows, data.test.rows, data.width]).toEqual([train, test, 13]);
    expect(data.train.features.length).toBe(train * 13);
    expect([positives(data.train.labels), positives(data.test.labels)]).toEqual([trainPositives, testPositives]);
  });

  it('gives raw values in the order of the schema with categories as 0 or 1', () => {
    const { train, test } = loadHospitalData(hospital(good));
    expect([...train.features.subarray(0, 13)]).toEqual([63, 1, 145, 233, 1, 150, 0, Math.fround(2.3), 0, 0, 1, 0, 1]);
    expect([...test.features.subarray(0, 13)]).toEqual([60, 0, 110, 200, 0, 160, 0, 0, 0, 1, 0, 1, 0]);
    expect([...train.labels, ...test.labels]).toEqual([0, 1, 1, 0]);
  });

  it('reads lines that end in CR LF and leaves columns without a use unread', () => {
    expect(loadHospitalData(hospital(good.map((line) => `${line.replace('?,?', 'x,y')}\r`))).train.rows).toBe(2);
  });

  it.each([
    ['DATA_NOT_A_NUMBER', 7, 'secret', { row: 2, column: 'thalach' }],
    ['DATA_NOT_A_NUMBER', 4, '', { row: 2, column: 'chol' }],
    ['DATA_NOT_A_NUMBER', 4, '0x40', { row: 2, column: 'chol' }],
    ['DATA_NOT_A_NUMBER', 4, 'Infinity', { row: 2, column: 'chol' }],
    ['DATA_OUT_OF_RANGE', 0, '987', { row: 2, column: 'age' }],
    ['DATA_OUT_OF_RANGE', 2, '7', { row: 2, column: 'cp' }],
    ['DATA_OUT_OF_RANGE', 13, '5', { row: 2, column: 'num' }],
    ['DATA_SPLIT_ROW_INCOMPLETE', 4, '?', { row: 2 }],
    ['DATA_CLASS_ABSENT', 13, '0', {}],
  ])('refuses with %s a cell of column %i that is %j', (code, column, value, place) => {
    const error = refusal(hospital(edited(column, value)));
    expect(error.code).toBe(code);
    expect(error.place).toEqual({ file: 'patients.csv', ...place });
    for (const known of Object.values(error.place)) expect(error.message).toContain(String(known));
    expect(error.message).not.toContain(folder);
    if (value.length > 2) expect(error.message).not.toContain(value);
  });

  it('checks rows that the split leaves out too', () => {
    const lines = [...good, '61,0,2,x,200,0,1,160,0,?,?,?,?,0'];
    expect(refusal(hospital(lines))).toMatchObject({
      code: 'DATA_NOT_A_NUMBER',
      place: { row: 5, column: 'trestbps' },
    });
  });

  it.each([
    ['DATA_EMPTY', [], undefined],
    ['DATA_COLUMN_COUNT', [...good, '1,2,3'], undefined],
    ['DATA_COLUMN_COUNT', ['', ...good], undefined],
    ['DATA_SPLIT_ROW_UNKNOWN', good, { train_rows: [0, 1], test_rows: [2, 3, 4] }],
    ['DATA_SPLIT_ROW_TWICE', good, { train_rows: [0, 1], test_rows: [1, 2, 3] }],
    ['DATA_SPLIT_ROW_TWICE', good, { train_rows: [0, 1, 1], test_rows: [2, 3] }],
    ['DATA_SPLIT_INVALID', good, { train_rows: [0, -1], test_rows: [2, 3] }],
    ['DATA_SPLIT_INVALID', good, { train_rows: [0, 1.5], test_rows: [2, 3] }],
    ['DATA_EMPTY', good, { train_rows: [], test_rows: [2, 3] }],
    ['DATA_CLASS_ABSENT', good, { train_rows: [0, 3], test_rows: [1, 2] }],
  ])('refuses with %s a table or split that cannot be used', (code, lines, split) => {
    expect(refusal(hospital(lines, split)).code).toBe(code);
  });

  it('accepts one class only in a split that the schema declares', () => {
    const source = hospital(good, { train_rows: [1], test_rows: [2, 3] });
    writeFileSync(
      source.splitFile,
      JSON.stringify({ centres: { switzerland: { train_rows: [1], test_rows: [2, 3] } } }),
    );
    expect(loadHospitalData({ ...source, centre: 'switzerland' }).train.rows).toBe(1);
  });

  it('says which file is missing, unreadable or malformed by its base name', () => {
    const source = hospital(good);
    expect(refusal({ ...source, file: join(folder, 'nowhere.csv') })).toMatchObject({
      code: 'DATA_FILE_MISSING',
      place: { file: 'nowhere.csv' },
    });
    expect(refusal({ ...source, file: folder }).code).toBe('DATA_FILE_UNREADABLE');
    expect(refusal({ ...source, centre: '__proto__' }).code).toBe('DATA_SPLIT_INVALID');
    expect(refusal({ ...source, splitFile: source.file })).toMatchObject({
      code: 'DATA_SPLIT_INVALID',
      place: { file: 'patients.csv' },
    });
    expect(refusal({ ...source, schemaFile: source.splitFile })).toMatchObject({
      code: 'DATA_SCHEMA_INVALID',
      place: { file: 'split.json' },
    });
  });
});

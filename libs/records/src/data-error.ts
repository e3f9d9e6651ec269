export type DataErrorCode =
  | 'DATA_FILE_MISSING'
  | 'DATA_FILE_UNREADABLE'
  | 'DATA_EMPTY'
  | 'DATA_COLUMN_COUNT'
  | 'DATA_NOT_A_NUMBER'
  | 'DATA_OUT_OF_RANGE'
  | 'DATA_SCHEMA_INVALID'
  | 'DATA_SPLIT_INVALID'
  | 'DATA_SPLIT_ROW_UNKNOWN'
  | 'DATA_SPLIT_ROW_INCOMPLETE'
  | 'DATA_SPLIT_ROW_TWICE'
  | 'DATA_CLASS_ABSENT';

/** Where in which file; `file` is a base name, `row` counts lines from 1. */
export interface DataPlace {
  readonly file: string;
  readonly row?: number;
  readonly column?: string;
}

/**
 * The hospital's data cannot be used as it is. The message says where and why and is for the hospital's own log:
 * it names no folder and no value of a record. Only `code` may leave the site.
 */
export class DataError extends Error {
  override readonly name = 'DataError';

  constructor(
    readonly code: DataErrorCode,
    readonly place: DataPlace,
    reason: string,
  ) {
    const { file, row, column } = place;
    const where = [file, row === undefined ? '' : `row ${row}`, column === undefined ? '' : `column ${column}`];
    super(`${where.filter((part) => part !== '').join(', ')}: ${reason}`);
  }
}

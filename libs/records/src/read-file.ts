import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DataError, type DataErrorCode } from './data-error.js';

/** The file as text. @throws DataError DATA_FILE_MISSING or DATA_FILE_UNREADABLE */
export function readText(path: string): string {
  const file = basename(path);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT' || reason === 'ENOTDIR') {
      throw new DataError(
        'DATA_FILE_MISSING',
        { file },
        'there is no such file; check the path in the site configuration',
      );
    }
    throw new DataError(
      'DATA_FILE_UNREADABLE',
      { file },
      `it cannot be read (${reason ?? 'unknown'}); check its permissions`,
    );
  }
}

/** @throws DataError with `code` when the file is not JSON */
export function readJson(path: string, code: DataErrorCode): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new DataError(code, { file: basename(path) }, 'it is not JSON');
  }
}

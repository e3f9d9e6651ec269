import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { dataFile, sites } from '@koinon/heart-disease';

/** Each hospital's table by site id. */
export type HospitalFiles = Readonly<Record<string, string>>;

/**
 * The hospitals' tables: the study's, or those of the same names in `folder`. A single one that is missing or
 * malformed is its hospital's to report.
 * @throws CodedError CONFIG_INVALID when the folder is none
 */
export function hospitalFiles(folder?: string): HospitalFiles {
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CodedError('CONFIG_INVALID', '--data: there is no such folder');
  }
  return Object.fromEntries(
    sites.map(({ id }) => [id, folder === undefined ? dataFile(id) : join(resolve(folder), basename(dataFile(id)))]),
  );
}

/** SHA-256 of each file; null where none can be read. */
export function fileDigests(files: HospitalFiles): Record<string, string | null> {
  return Object.fromEntries(Object.entries(files).map(([id, file]) => [id, digest(file)]));
}

function digest(file: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return null;
  }
}

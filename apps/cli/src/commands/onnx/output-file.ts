import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { OnnxCommandError } from './command-error.js';

/** Where an output goes: links followed, with the permissions of the file it replaces. */
export interface OutputPlace {
  readonly path: string;
  readonly mode: number | undefined;
}

const unwritable = (): OnnxCommandError =>
  new OnnxCommandError(
    'OUTPUT_FILE_UNWRITABLE',
    'the output file cannot be written; name a regular file in a folder that exists, is yours and has room',
  );

/** Finds out before long work whether its result can be written. @throws OnnxCommandError OUTPUT_FILE_UNWRITABLE */
export async function outputPlace(file: string): Promise<OutputPlace> {
  try {
    const path = await realpath(file).catch(() => resolve(file));
    const replaced = await stat(path).catch((error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? undefined : Promise.reject(error),
    );
    await access(dirname(path), constants.W_OK | constants.X_OK);
    if (replaced === undefined) return { path, mode: undefined };
    // the file would be renamed over a pipe or a device
    if (!replaced.isFile()) throw unwritable();
    await access(path, constants.W_OK);
    return { path, mode: replaced.mode & 0o777 };
  } catch {
    throw unwritable();
  }
}

/** Writes the whole file or leaves what was there. @throws OnnxCommandError OUTPUT_FILE_UNWRITABLE */
export async function writeOutput({ path, mode }: OutputPlace, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.koinon-${randomUUID()}.tmp`);
  try {
    await using file = await open(temporary, 'wx');
    await file.writeFile(bytes);
    if (mode !== undefined) await file.chmod(mode);
    await file.sync();
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true });
    throw unwritable();
  }
}

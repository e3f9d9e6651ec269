import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { rethrowCoded } from './blobs/storage-failure.js';

/**
 * The text of a file that is made once and then kept. Several processes may start together and any of them may be
 * killed: the file appears whole or not at all, for its owner alone, and the first one wins.
 * @throws CodedError DISK_FULL, HOME_NOT_WRITABLE
 */
export async function keptFile(path: string, make: () => Promise<string>): Promise<string> {
  const read = () => readFile(path, 'utf8');
  return read().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') return rethrowCoded(error);
    const temporary = `${path}.${randomUUID()}`;
    try {
      await writeFile(temporary, await make(), { mode: 0o600, flag: 'wx' });
      await link(temporary, path).catch((e: NodeJS.ErrnoException) => {
        if (e.code !== 'EEXIST') throw e;
      });
    } catch (failure) {
      return rethrowCoded(failure);
    } finally {
      await rm(temporary, { force: true });
    }
    return read();
  });
}

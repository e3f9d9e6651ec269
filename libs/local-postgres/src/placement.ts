import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Account } from './account.js';

/** What `canEnter` needs to know of a folder; undefined when it does not exist. */
export interface FolderMode extends Account {
  readonly mode: number;
}

/** Where things really live. `relocated` paths are below the system folder. */
export interface Placement {
  readonly dataDir: string;
  readonly binariesDir: string;
  readonly dataRelocated: boolean;
  readonly binariesRelocated: boolean;
}

/**
 * Whether `account` can reach `path`: the search bit on the folder and every one above it.
 * Folders that do not exist yet are made by us and count as open. ACLs are not looked at.
 */
export function canEnter(account: Account, path: string, look: (folder: string) => FolderMode | undefined): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = look(folder);
    if (found !== undefined) {
      const shift = found.uid === account.uid ? 6 : found.gid === account.gid ? 3 : 0;
      if (((found.mode >> shift) & 1) === 0) return false;
    }
    if (folder === dirname(folder)) return true;
  }
}

/**
 * Keeps data and binaries where they were asked for unless the server's account cannot get there
 * (root with a clone below a 0700 home); then below `systemDir`, the data under the digest of its
 * path, the binaries once per version.
 * @param account undefined when the server runs as this process, which can enter whatever it was given
 */
export function place(
  request: {
    readonly dataDir: string;
    readonly binariesDir: string;
    readonly version: string;
    readonly systemDir: string;
  },
  account: Account | undefined,
  look: (folder: string) => FolderMode | undefined,
): Placement {
  const dataRelocated = account !== undefined && !canEnter(account, dirname(request.dataDir), look);
  const binariesRelocated = account !== undefined && !canEnter(account, request.binariesDir, look);
  const digest = createHash('sha256').update(request.dataDir).digest('hex').slice(0, 16);
  return {
    dataDir: dataRelocated ? join(request.systemDir, digest, 'data') : request.dataDir,
    binariesDir: binariesRelocated ? join(request.systemDir, `binaries-${request.version}`) : request.binariesDir,
    dataRelocated,
    binariesRelocated,
  };
}

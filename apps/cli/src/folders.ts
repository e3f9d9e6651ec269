import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the folders in one, and of links to folders: a ledger that was moved to another disk is the same ledger. */
export const foldersIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());

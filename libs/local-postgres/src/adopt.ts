import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPostmasterOf, Postmaster, waitUntilReady } from './postmaster.js';
import { readPostmasterFile } from './postmaster-file.js';

/**
 * Takes over the server that a killed process left behind over `dataDir`.
 * @param answers whether the server on this port lets us in
 * @returns undefined when there is none; one that does not let us in is stopped first
 */
export async function adopt(
  dataDir: string,
  answers: (port: number) => Promise<boolean>,
): Promise<Postmaster | undefined> {
  const file = readPostmasterFile(dataDir);
  if (file === undefined) return undefined;
  if (isPostmasterOf(file.pid, dataDir)) {
    const ready = await waitUntilReady(dataDir, file.pid);
    if (ready !== undefined && (await answers(ready.port))) return new Postmaster(ready.pid, ready.port);
    await new Postmaster(file.pid, file.port).stop();
  }
  // The process is gone or was never ours. PostgreSQL would take a stranger with this number for a server.
  rmSync(join(dataDir, 'postmaster.pid'), { force: true });
  return undefined;
}

/** Stops the server over `dataDir`, if one runs. */
export async function stopLeftover(dataDir: string): Promise<void> {
  await adopt(dataDir, () => Promise.resolve(false));
}

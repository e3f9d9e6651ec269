import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running server writes into its data directory. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  /** `starting` includes crash recovery. */
  readonly state: 'starting' | 'ready' | 'stopping';
}

/**
 * Reads `postmaster.pid`: line 1 is the pid, line 4 the port, line 8 the state.
 * @returns undefined when there is none, or when its writer has not reached the port yet
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html
 */
export function readPostmasterFile(dataDir: string): PostmasterFile | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
  } catch {
    return undefined;
  }
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 1 || !Number.isInteger(port) || port <= 0) return undefined;
  const state = lines[7] === 'ready' || lines[7] === 'stopping' ? lines[7] : 'starting';
  return { pid, port, state };
}

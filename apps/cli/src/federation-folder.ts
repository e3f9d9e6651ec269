import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const currentSchema = z.object({ folder: z.string() });

/**
 * The folder of the federation with this key, made current. The demo's hospitals spend their privacy budget in
 * one run, so a start with other parameters gets hospitals, ledgers and models of its own, and coming back to
 * earlier parameters resumes that federation. Only a demo can have such spare hospitals: a real node has one
 * ledger for its records, and no command forgets it.
 */
export function useFederation(home: string, name: string, key: string): string {
  const folder = join(home, `${name}-${key.slice(0, 12)}`);
  // The database server runs as another user when we are root: it may pass through here, secrets below are 0700.
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  writeFileSync(join(home, 'current.json'), JSON.stringify({ folder } satisfies z.infer<typeof currentSchema>), {
    mode: 0o600,
  });
  return folder;
}

/** The folder that was made current last; undefined when none was. */
export function currentFederation(home: string): string | undefined {
  try {
    return currentSchema.parse(JSON.parse(readFileSync(join(home, 'current.json'), 'utf8'))).folder;
  } catch {
    return undefined;
  }
}

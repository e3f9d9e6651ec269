import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
  writeFileSync(join(home, 'current.json'), JSON.stringify({ folder }), { mode: 0o600 });
  return folder;
}

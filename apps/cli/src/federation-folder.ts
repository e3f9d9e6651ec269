import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalBytes } from '@koinon/signing';
import { z } from 'zod';
import { identitySchema, isSameFederation, withoutFileNames, type FederationIdentity } from './federation-identity.js';
import { firstFolderName } from './first-home.js';

const currentSchema = z.object({ folder: z.string() });

/**
 * The folder of this federation, made current. The demo's hospitals spend their privacy budget in one run, so a start with
 * other parameters gets hospitals, ledgers and models of its own, and coming back to earlier parameters resumes that
 * federation. Only a demo can have such spare hospitals: a real node has one ledger for its records, and no command forgets it.
 *
 * A folder is found by what it says it is about, read as today's words, and never by a digest of words: a new word in
 * federation.yaml would look for a folder that is not there, and hospitals with fresh ledgers would spend their budget again.
 */
export function useFederation(home: string, identity: FederationIdentity): string {
  const folder = knownFolder(home, identity) ?? join(home, `${identity.spec.name}-${digestOf(identity).slice(0, 12)}`);
  // The database server runs as another user when we are root: it may pass through here, secrets below are 0700.
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  replace(join(folder, 'federation.json'), identity);
  replace(join(home, 'current.json'), { folder } satisfies z.infer<typeof currentSchema>);
  return folder;
}

/** The folder that was made current last; undefined when none was. */
export function currentFederation(home: string): string | undefined {
  return readJson(join(home, 'current.json'), currentSchema)?.folder;
}

const digestOf = (identity: FederationIdentity): string =>
  createHash('sha256')
    .update(canonicalBytes({ ...identity, spec: withoutFileNames(identity.spec) }))
    .digest('hex');

function knownFolder(home: string, identity: FederationIdentity): string | undefined {
  const folders = readdirSync(home, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const says = (name: string): FederationIdentity | undefined =>
    readJson(join(home, name, 'federation.json'), identitySchema);
  const isThis = (name: string): boolean => {
    const said = says(name);
    return said ? isSameFederation(said, identity) : name === firstFolderName(identity);
  };
  const name = folders.find(isThis);
  return name === undefined ? undefined : join(home, name);
}

function readJson<T>(file: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whole or not at all, whenever this process is killed. */
function replace(file: string, value: object): void {
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

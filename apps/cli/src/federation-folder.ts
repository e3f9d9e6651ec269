import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { readIfThere, writeDurably } from '@koinon/service';
import { canonicalBytes } from '@koinon/signing';
import { z } from 'zod';
import { identitySchema, isSameFederation, withoutFileNames, type FederationIdentity } from './federation-identity.js';
import { firstFolderName } from './first-home.js';
import { foldersIn } from './folders.js';

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
  writeDurably(join(folder, 'federation.json'), JSON.stringify(identity));
  writeDurably(join(home, 'current.json'), JSON.stringify({ folder } satisfies z.infer<typeof currentSchema>));
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

const digestOf = (identity: FederationIdentity): string =>
  createHash('sha256')
    .update(canonicalBytes({ ...identity, spec: withoutFileNames(identity.spec) }))
    .digest('hex');

/** @throws CodedError CONFIG_INVALID when a folder does not say what it is about: its ledgers may be those of this federation */
function knownFolder(home: string, identity: FederationIdentity): string | undefined {
  const isThis = (name: string): boolean => {
    const said = readIfThere(join(home, name, 'federation.json'));
    return said ? isSameFederation(identityIn(said, name), identity) : name === firstFolderName(identity);
  };
  const name = foldersIn(home).find(isThis);
  return name === undefined ? undefined : join(home, name);
}

function identityIn(said: Buffer, name: string): FederationIdentity {
  try {
    return identitySchema.parse(JSON.parse(said.toString('utf8')));
  } catch {
    throw new CodedError('CONFIG_INVALID', `${name}/federation.json is damaged; restore it from a backup`);
  }
}

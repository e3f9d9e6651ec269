import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CodedError, PROTOCOL, enrolResponseSchema, enrolmentStatement, errorOf, keyIdOf, parse, publicKeySchema, signStatement,
} from '@koinon/contracts';
import { z } from 'zod';
import type { NodeConfig } from '../config.js';
import { readIfThere, writeDurably } from '../durable-file.js';
import type { SiteKeys } from './site-keys.js';

const fileSchema = z.strictObject({ coordinatorKey: publicKeySchema });

/**
 * Registers this node's public keys once and remembers the coordinator's key, checked against the
 * fingerprint that came with the token.
 * @returns the coordinator's public key
 * @throws CodedError ENROLMENT_TOKEN_INVALID, SIGNATURE_INVALID, COORDINATOR_UNREACHABLE, CONFIG_INVALID
 */
export async function enrol(config: NodeConfig, keys: SiteKeys): Promise<string> {
  const file = join(config.home, 'enrolment.json');
  const known = readIfThere(file);
  if (known) return fileSchema.parse(JSON.parse(known.toString('utf8'))).coordinatorKey;
  const token = readToken(config.enrolmentTokenFile);
  const statement = {
    protocol: PROTOCOL, site: config.site, identityKey: keys.signer.publicKey, sealingKey: keys.box.publicKey,
    tokenSha256: createHash('sha256').update(token).digest('hex'),
  };
  const body = { token, statement: await signStatement(enrolmentStatement.type, statement, keys.signer) };
  const response = await fetch(new URL('/v1/enrol', config.coordinatorUrl), {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  }).catch(() => {
    throw new CodedError('COORDINATOR_UNREACHABLE');
  });
  if (!response.ok) throw await errorOf(response);
  const { coordinatorKey } = parse(enrolResponseSchema, await response.json());
  if ((await keyIdOf(coordinatorKey)) !== config.coordinatorFingerprint) throw new CodedError('SIGNATURE_INVALID', 'the coordinator is not the one of the invitation');
  writeDurably(file, JSON.stringify({ coordinatorKey }));
  return coordinatorKey;
}

function readToken(file: string | undefined): string {
  try {
    return readFileSync(file ?? '', 'utf8').trim();
  } catch {
    throw new CodedError('CONFIG_INVALID', 'KOINON_ENROLMENT_TOKEN_FILE: this node has not enrolled yet and the file cannot be read');
  }
}

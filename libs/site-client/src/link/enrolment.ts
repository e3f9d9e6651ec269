import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CodedError, PROTOCOL, answerOf, enrolmentStatement, requestOf, routes } from '@koinon/contracts';
import { keyFingerprintOf, signStatement } from '@koinon/signing';
import { readEnrolment, writeEnrolment } from './enrolment-file.js';
import type { SiteKeys } from './site-keys.js';

/** Who enrols, and with whom. */
export interface EnrolmentOptions {
  readonly site: string;
  /** Folder of the node's keys and of what it remembers of the coordinator. */
  readonly home: string;
  readonly coordinatorUrl: string;
  /** SHA-256 of the coordinator's public key, as the invitation says. */
  readonly coordinatorKeyFingerprint: string;
  /** Holds the one-time token; needed until the node has enrolled. */
  readonly enrolmentTokenFile: string | undefined;
}

/** How long the coordinator may take to answer. */
const TIMEOUT_MS = 30_000;

/**
 * Registers this node's public keys once and remembers the coordinator's key, checked against the
 * fingerprint that came with the token. Keys and ledger must be on disk: from here on they are never made anew.
 * @returns the coordinator's public key
 * @throws CodedError ENROLMENT_TOKEN_INVALID, SIGNATURE_INVALID, PROTOCOL_DIFFERS, COORDINATOR_UNREACHABLE, CONFIG_INVALID
 */
export async function enrol(config: EnrolmentOptions, keys: SiteKeys): Promise<string> {
  const known = readEnrolment(config.home);
  if (known) {
    const key = await checked(known.coordinatorKey, config);
    if (known.version === undefined) writeEnrolment(config.home, key);
    return key;
  }
  const token = readToken(config.enrolmentTokenFile);
  const statement = {
    protocol: PROTOCOL,
    site: config.site,
    identityKey: keys.signer.publicKey,
    sealingKey: keys.box.publicKey,
    tokenSha256: createHash('sha256').update(token).digest('hex'),
  };
  const body = { token, statement: await signStatement(enrolmentStatement.type, statement, keys.signer) };
  const { path, ...request } = requestOf(routes.enrol, { body });
  const answer = await fetch(new URL(path, config.coordinatorUrl), {
    ...request,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
    .then((response) => answerOf(routes.enrol, response))
    .catch((error: unknown) => {
      throw error instanceof CodedError ? error : new CodedError('COORDINATOR_UNREACHABLE');
    });
  const coordinatorKey = await checked(answer.coordinatorKey, config);
  writeEnrolment(config.home, coordinatorKey);
  return coordinatorKey;
}

/** The configured fingerprint holds at every start, not only at the first. */
async function checked(coordinatorKey: string, { coordinatorKeyFingerprint }: EnrolmentOptions): Promise<string> {
  if ((await keyFingerprintOf(coordinatorKey)) !== coordinatorKeyFingerprint)
    throw new CodedError('SIGNATURE_INVALID', 'the coordinator is not the one of the invitation');
  return coordinatorKey;
}

function readToken(file: string | undefined): string {
  try {
    return readFileSync(file ?? '', 'utf8').trim();
  } catch {
    throw new CodedError(
      'CONFIG_INVALID',
      'KOINON_ENROLMENT_TOKEN_FILE: this node has not enrolled yet and the file cannot be read',
    );
  }
}

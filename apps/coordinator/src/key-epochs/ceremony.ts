import { ceremonyStatement, type CeremonyStatement, type Envelope } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import type { KeyEpochRow } from './key-epochs.entities.js';

export const stepsOf = ({ header }: KeyEpochRow): readonly string[] => schemes.named(header.scheme).dkgSteps;

/** Below it lie the bodies of a ceremony. */
export const ceremonyKey = (keyEpochId: string): string => `epochs/${keyEpochId}`;
/** By digest: two posts of one step that arrive at once overwrite nothing of each other. */
export const bodyKey = (keyEpochId: string, step: string, site: string, sha256: string): string =>
  `${ceremonyKey(keyEpochId)}/${step}/${site}/${sha256}`;

/** A stored statement was verified when it came in. */
export const payloadOf = (envelope: Envelope): CeremonyStatement =>
  ceremonyStatement.schema.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')));

/** The digest of a statement's first body: in the last step of the transcript its site saw. */
export const firstDigest = (envelope: Envelope): string => payloadOf(envelope).messages[0]!.sha256;

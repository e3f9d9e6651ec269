/** A node's home after enrolment with a coordinator of the test, which signs what the node is to believe. */
import { join } from 'node:path';
import { PROTOCOL, releaseStatement, type AssignmentOf, type ReleaseStatement } from '@koinon/contracts';
import { keyFingerprintOf, signStatement, type Signer } from '@koinon/signing';
import type { AskOf, RoundFrame, TaskName } from '@koinon/secure-tasks';
import type { NodeConfig } from '../config.js';
import { writeEnrolment, loadSiteKeys } from '@koinon/site-client';
import { PrivacyLedger } from '@koinon/local-training';
import { type FakeCoordinator, KEY_EPOCH, SUM, federation, newSigner, sha256 } from '@koinon/site-client/testing';
import { configOf } from './node-config.fixture.js';

export interface EnrolledNode {
  readonly config: NodeConfig;
  readonly coordinatorSigner: Signer;
}

export async function enrolledNode(
  home: string,
  coordinator: Pick<FakeCoordinator, 'url'> & { identityKey?: string | undefined },
  signer?: Signer,
): Promise<EnrolledNode> {
  const coordinatorSigner = signer ?? (await newSigner());
  const config = { ...configOf(home, coordinator.url, await keyFingerprintOf(coordinatorSigner.publicKey)), port: 0 };
  const target = coordinator;
  target.identityKey = (await loadSiteKeys(home)).signer.publicKey;
  PrivacyLedger.create(join(home, 'privacy-ledger.json'));
  writeEnrolment(home, coordinatorSigner.publicKey);
  return { config, coordinatorSigner };
}

export async function releaseOf(
  bytes: Uint8Array,
  version: number,
  signer: Signer,
  changes: Partial<ReleaseStatement> = {},
): Promise<AssignmentOf<'release'>> {
  const statement: ReleaseStatement = {
    protocol: PROTOCOL,
    model: 'heart-disease',
    version,
    releaseCounter: version,
    sha256: sha256(bytes),
    bytes: bytes.length,
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2999-01-01T00:00:00Z',
    ...changes,
  };
  return {
    kind: 'release',
    model: statement.model,
    release: await signStatement(releaseStatement.type, statement, signer),
    alias: 'champion',
  };
}

/** What plain training asks of a site, and all that any task is told. */
type Told = Partial<RoundFrame & AskOf<'fit'>>;
const told = {
  weighting: 'records',
  proximalMu: 0,
  controlVariate: false,
  control: null,
  counted: {},
  runId: '00000000-0000-4000-8000-0000000000ff',
  round: 1,
  noiseMultiplier: 9,
  recordsSchemaSha256: sha256('x'),
  modelSha256: sha256('x'),
} as const;

export const taskOfSum = (
  task: TaskName,
  changes: Told = {},
  sum: { sumId?: string; sumIndex?: number } = {},
): AssignmentOf<'task'> => ({
  kind: 'task',
  task,
  keyEpochId: KEY_EPOCH,
  sumId: SUM,
  sumIndex: 0,
  ...sum,
  input: { ...told, federation, ...changes },
});

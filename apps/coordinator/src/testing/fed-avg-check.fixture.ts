import {
  aggregationCommitmentStatement,
  lineageSchema,
  releaseStatement,
  versionDetailSchema,
  type RunView,
} from '@koinon/contracts';
import { verifyStatement } from '@koinon/signing';
import { expect } from 'vitest';
import { z } from 'zod';
import { readWeights } from '../registry/model-weights.js';
import type { FederationFixture } from './federation.fixture.js';
import type { SentSum, RecordlessSite } from './recordless-site.fixture.js';
import { digest } from './tiny-federation.fixture.js';

/** base + Σ rows·delta / Σ rows of what the sites meant to send, in plain arithmetic. */
function plainFedAvg(base: Float64Array, sent: readonly SentSum[], maxRecords: number): Float64Array {
  const weights = sent.map((s) => Math.min(s.rows, maxRecords));
  const total = weights.reduce((a, b) => a + b, 0);
  return base.map((w, i) => w + sent.reduce((sum, s, k) => sum + weights[k]! * s.delta[i]!, 0) / total);
}

/** The same from the integers that went into the encryption: no quantisation error is left. */
function fedAvgOfIntegers(base: Float64Array, sent: readonly SentSum[], bits: number): Float64Array {
  const zero = 2 ** (bits - 1) - 1;
  const total = (i: number) => sent.reduce((sum, s) => sum + s.quantised[i]! - zero, 0);
  return base.map((w, i) => w + total(i) / total(base.length));
}

/**
 * The versions of a run hold exactly the FedAvg of what its sites sent, their lineage names every upload, and
 * the last one is released under the coordinator's signature.
 */
export async function expectPlainFedAvg({ coordinator, sites }: FederationFixture, run: RunView): Promise<void> {
  const {
    client,
    foundations: { signer },
  } = coordinator;
  const { spec } = run;
  expect(run).toMatchObject({ state: 'done', failure: null });
  expect(run.rounds.map((r) => r.state)).toEqual(Array.from({ length: spec.rounds }, () => 'done'));
  for (const round of run.rounds) {
    const detail = versionDetailSchema.parse(await client.version(spec.name, round.version!));
    const base = readWeights(await client.modelFile(spec.name, detail.baseVersion!), spec.model);
    const file = await client.modelFile(spec.name, round.version!);
    const weights = readWeights(file, spec.model);
    const sent = sites.map((site) => sentIn(site, round.number));
    const [exact, plain] = [
      fedAvgOfIntegers(base, sent, spec.encryption.bits),
      plainFedAvg(base, sent, spec.sites.maxRecords),
    ];
    const step = spec.encryption.range / (2 ** (spec.encryption.bits - 1) - 1);
    const weight = sent.reduce((sum, s) => sum + Math.min(s.rows, spec.sites.maxRecords) / spec.sites.maxRecords, 0);
    // Each site errs by less than a step in every entry of the numerator and in the weight.
    const bound = (2 * sent.length * step) / (weight - sent.length * step) + 1e-6;
    for (const [i, w] of weights.entries()) {
      expect(Math.abs(w - exact[i]!)).toBeLessThan(1e-6);
      expect(Math.abs(w - plain[i]!)).toBeLessThan(bound);
    }
    expect(weights.some((w, i) => Math.abs(w - base[i]!) > 10 * bound)).toBe(true);
    expect(detail.sha256).toBe(digest(file));
    expect(detail.lineage.cohort).toEqual(
      sites.map((site) => ({ site: site.id, uploadRoot: sentIn(site, round.number).root })),
    );
    expect(detail.lineage).toMatchObject({
      runId: run.id,
      round: round.number,
      encryption: { keyEpochId: round.keyEpochId, decryptors: round.decryptors },
    });
    const inToto = z.object({
      subject: z.array(z.object({ digest: z.object({ sha256: z.string() }) })),
      predicate: lineageSchema,
    });
    const statement = await verifyStatement(detail.statement, 'application/vnd.in-toto+json', inToto, signer.publicKey);
    expect(statement.subject[0]!.digest.sha256).toBe(detail.sha256);
    expect(statement.predicate).toEqual(detail.lineage);
  }
  await expectReleased(coordinator, run);
}

async function expectReleased(coordinator: FederationFixture['coordinator'], run: RunView): Promise<void> {
  const version = run.rounds.at(-1)!.version!;
  const [row] = await coordinator.query<{ version: number; release: never }>(
    'SELECT version, release FROM model_aliases WHERE model = $1 AND alias = $2',
    [run.spec.name, 'champion'],
  );
  expect(row!.version).toBe(version);
  const release = await verifyStatement(
    row!.release,
    releaseStatement.type,
    releaseStatement.schema,
    coordinator.foundations.signer.publicKey,
  );
  const { sha256, bytes } = await coordinator.client.version(run.spec.name, version);
  expect(release).toMatchObject({ model: run.spec.name, version, sha256, bytes });
}

export function sentIn(site: RecordlessSite, round: number): SentSum {
  return [...site.sent.values()].find((s) => s.task === 'fit' && s.round === round)!;
}

/** No sum was decrypted twice: one signed commitment per sum, and at most one share of every site. */
export async function expectOpenedOnce({
  coordinator,
  sites,
}: Pick<FederationFixture, 'coordinator' | 'sites'>): Promise<void> {
  const committed = await coordinator.query<{ subject: string; n: string }>(
    "SELECT subject, count(*) AS n FROM audit_log WHERE action = 'sum.decrypting' GROUP BY subject",
  );
  expect(committed.every(({ n }) => Number(n) === 1)).toBe(true);
  const sums = await coordinator.query<{
    id: string;
    commitment: never;
    sum_root: string;
    uploads: unknown;
    decryptors: unknown;
  }>('SELECT id, commitment, sum_root, uploads, decryptors FROM sums WHERE commitment IS NOT NULL');
  expect(committed.map((c) => c.subject).toSorted()).toEqual(sums.map((s) => s.id).toSorted());
  for (const sum of sums) {
    const commitment = await verifyStatement(
      sum.commitment,
      aggregationCommitmentStatement.type,
      aggregationCommitmentStatement.schema,
      coordinator.foundations.signer.publicKey,
    );
    expect(commitment).toMatchObject({
      sumId: sum.id,
      sumRoot: sum.sum_root,
      uploads: sum.uploads,
      decryptors: sum.decryptors,
    });
    for (const site of sites)
      expect(site.shares.get(sum.id)?.length ?? 0).toBe(commitment.decryptors.includes(site.id) ? 1 : 0);
  }
  const shares = await coordinator.query<{ sum_id: string; site: string; sha256: string }>(
    'SELECT sum_id, site, sha256 FROM decryption_shares',
  );
  for (const share of shares)
    expect(digest(sites.find((s) => s.id === share.site)!.shares.get(share.sum_id)![0]!)).toBe(share.sha256);
}

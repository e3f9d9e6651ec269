import { CodedError } from '@koinon/contracts';
import type { Mechanism } from '@koinon/privacy';
import { IsNull, Not, type EntityManager } from 'typeorm';
import { ModelVersionRow } from '../../registry/registry.entities.js';
import { RunRow } from '../federations.entities.js';
import { releasedIn } from '../recipe/noise.js';

/**
 * The trained version that a file is, byte for byte: who continues from it continues its lineage.
 * @throws CodedError MODEL_INVALID when it is a version of another model, under whose name alone its ε can be continued
 */
export async function knownBase(m: EntityManager, model: string, sha256: string): Promise<ModelVersionRow | null> {
  const trained = { sha256, baseVersion: Not(IsNull()) };
  const own = await m.findOne(ModelVersionRow, { where: { ...trained, model }, order: { version: 'DESC' } });
  if (own) return own;
  const other = await m.findOneBy(ModelVersionRow, trained);
  if (!other) return null;
  throw new CodedError(
    'MODEL_INVALID',
    `the file is version ${other.version} of ${other.model}; give the federation that name, so that its ε is continued`,
  );
}

/** Everything that sites released from one record for what a run started from, over all runs. */
export async function releasedBefore(m: EntityManager, run: Pick<RunRow, 'id'>): Promise<Mechanism[]> {
  return releasedFor(m, await m.findOneByOrFail(ModelVersionRow, { runId: run.id, round: 0 }));
}

async function releasedFor(m: EntityManager, { model, baseVersion }: ModelVersionRow): Promise<Mechanism[]> {
  if (baseVersion === null) return [];
  const base = await m.findOneByOrFail(ModelVersionRow, { model, version: baseVersion });
  if (!base.round) return releasedFor(m, base);
  const run = await m.findOneByOrFail(RunRow, { id: base.runId! });
  return [...(await releasedBefore(m, run)), ...releasedIn(run.spec, run.noiseMultiplier, base.round)];
}

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '@koinon/contracts';
import { dataFile, featureSchemaFile, modelFile, sites, splitFile } from '@koinon/heart-disease';
import { z } from 'zod';
import { programs } from '../layout.js';
import type { Plan } from './options.js';

const scores = z.object({ accuracy: z.number(), auc: z.number(), f1: z.number() });
const referenceSchema = z.object({ averageSite: scores, bestSite: scores, pooled: scores, sites: z.record(z.string(), scores) });
export type Reference = z.infer<typeof referenceSchema>;

/**
 * Each hospital alone with the same recipe, and all rows in one place: what the federation is compared with.
 * Only this demo can know it, because it alone holds all four hospitals' files.
 */
export async function computeReference(folder: string, { spec, seed, insecureDeterministic }: Plan, noiseMultiplier: number): Promise<Reference> {
  const job = {
    modelFile, federation: spec, noiseMultiplier, insecureDeterministic, ...(seed === undefined ? {} : { seed }),
    sites: sites.map(({ id }) => ({ id, data: { file: dataFile(id), schemaFile: featureSchemaFile, splitFile, centre: id } })),
  };
  const file = join(folder, 'reference.json');
  writeFileSync(file, JSON.stringify(job), { mode: 0o600 });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [programs.reference, '--job', file], { maxBuffer: 2 ** 20 });
    return referenceSchema.parse(JSON.parse(stdout));
  } catch (error) {
    throw new CodedError('INTERNAL', `the reference training failed: ${error instanceof Error ? error.message.split('\n').at(-2) ?? error.message : ''}`);
  }
}

/**
 * Trains each hospital alone and all hospitals' rows in one place, to compare the federation with. Only the demo on one
 * machine can do this: it reads every hospital's records in one process, which is what a federation exists to avoid.
 *
 * `node dist/reference.js --job file.json` prints {sites, averageSite, bestSite, pooled}, each {accuracy, auc, f1} on
 * the four test splits together. The job holds {modelFile, federation, noiseMultiplier, sites: [{id, data}], seed?, insecureDeterministic?}.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { federationSchema } from '@koinon/contracts';
import { fit } from '@koinon/secure-tasks';
import { z } from 'zod';
import { checkedNoise } from './noise-plan.js';
import { randomSource } from './random-source.js';
import { referenceRuns } from './reference-runs.js';
import { loadHospitalData } from '@koinon/records';

const jobSchema = z.strictObject({
  modelFile: z.string(),
  federation: federationSchema,
  sites: z
    .array(
      z.strictObject({
        id: z.string(),
        data: z.strictObject({ file: z.string(), schemaFile: z.string(), splitFile: z.string(), centre: z.string() }),
      }),
    )
    .min(1),
  /** The run's; checked like a site checks it. */
  noiseMultiplier: z.number().nonnegative(),
  seed: z.int().optional(),
  insecureDeterministic: z.boolean().default(false),
});

const { values } = parseArgs({ options: { job: { type: 'string' } } });
if (values.job === undefined) throw new Error('usage: reference.js --job file.json');
const { modelFile, federation, sites, noiseMultiplier, seed, insecureDeterministic } = jobSchema.parse(
  JSON.parse(readFileSync(values.job, 'utf8')),
);
const plan = checkedNoise(federation, fit.charge({ federation, noiseMultiplier }));
const metrics = await referenceRuns(
  new Uint8Array(readFileSync(modelFile)),
  new Map(sites.map(({ id, data }) => [id, loadHospitalData(data)])),
  federation,
  plan,
  (stream) =>
    randomSource({
      ...(seed === undefined ? {} : { seed }),
      insecureDeterministic,
      noiseMultiplier: plan.noiseMultiplier,
      stream: `reference/${stream}`,
    }),
);
process.stdout.write(`${JSON.stringify(metrics, null, 2)}\n`);

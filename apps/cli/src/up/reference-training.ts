/** The reference training as a process of its own: its job in a file, its metrics on stdout. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '@koinon/contracts';
import { modelFile, recordsSchemaFile, splitFile } from '@koinon/heart-disease';
import { z } from 'zod';
import { programs } from '../layout.js';
import type { Plan } from './options.js';

const scores = z.object({ accuracy: z.number(), auc: z.number(), f1: z.number() });
export const metricsSchema = z.object({
  averageSite: scores,
  bestSite: scores,
  pooled: scores,
  sites: z.record(z.string(), scores),
});
export type ReferenceMetrics = z.infer<typeof metricsSchema>;

/** Who takes part, and the noise of the run it is compared with. */
interface ReferenceTask {
  readonly sites: readonly string[];
  readonly noiseMultiplier: number;
}

/** @param signal kills the process. @throws CodedError INTERNAL when the training fails */
export async function trainReference(
  folder: string,
  plan: Plan,
  task: ReferenceTask,
  signal: AbortSignal,
): Promise<ReferenceMetrics> {
  const jobFile = join(folder, 'reference-job.json');
  writeFileSync(jobFile, JSON.stringify(jobOf(plan, task)), { mode: 0o600 });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [programs.reference, '--job', jobFile], {
      maxBuffer: 2 ** 20,
      signal,
      killSignal: 'SIGKILL',
    });
    return metricsSchema.parse(JSON.parse(stdout));
  } catch (error) {
    signal.throwIfAborted();
    const why = /^\w*Error: (.*)$/m.exec(error instanceof Error ? error.message : '')?.[1];
    throw new CodedError('INTERNAL', `the reference training failed${why ? `: ${why}` : ''}`);
  }
}

function jobOf({ spec, seed, insecureDeterministic, files }: Plan, { sites, noiseMultiplier }: ReferenceTask) {
  return {
    modelFile,
    federation: spec,
    noiseMultiplier,
    insecureDeterministic,
    ...(seed === undefined ? {} : { seed }),
    sites: sites.map((id) => ({
      id,
      data: { file: files[id]!, schemaFile: recordsSchemaFile, splitFile, centre: id },
    })),
  };
}

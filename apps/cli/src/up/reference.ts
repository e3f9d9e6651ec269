import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { CodedError, type RunView } from '@koinon/contracts';
import { recordsSchemaFile, modelFile, splitFile } from '@koinon/heart-disease';
import { z } from 'zod';
import { programs } from '../layout.js';
import type { Plan } from './options.js';

const scores = z.object({ accuracy: z.number(), auc: z.number(), f1: z.number() });
const metricsSchema = z.object({
  averageSite: scores,
  bestSite: scores,
  pooled: scores,
  sites: z.record(z.string(), scores),
});
export type ReferenceMetrics = z.infer<typeof metricsSchema>;
const storedSchema = z.object({ noiseMultiplier: z.number(), sites: z.array(z.string()), metrics: metricsSchema });

/**
 * Each hospital alone with the same recipe, and all rows in one place: what the federation is compared with.
 * Only this demo can know it, because it alone holds all the hospitals' files. It is computed while the run goes on, for
 * the hospitals that take part, and kept for the next start.
 */
export class Reference {
  private sites: readonly string[] = [];
  private result: Promise<ReferenceMetrics> | undefined;
  private superseded = new AbortController();

  constructor(
    private readonly folder: string,
    private readonly plan: Plan,
    private readonly signal: AbortSignal,
  ) {}

  /** Starts, and starts over when other hospitals take part than were known. */
  follow(run: RunView): void {
    // Until its uploads are fixed, a round does not know who takes part.
    const fixed = run.rounds.findLast(({ activeSet }) => activeSet.length > 0);
    if (!fixed || isDeepStrictEqual(fixed.participants.toSorted(), this.sites)) return;
    this.sites = fixed.participants.toSorted();
    this.superseded.abort();
    this.superseded = new AbortController();
    this.result = this.metrics(
      this.sites,
      run.privacy.noiseMultiplier,
      AbortSignal.any([this.signal, this.superseded.signal]),
    );
    this.result.catch(() => undefined);
  }

  /** @throws CodedError INTERNAL when the training fails */
  async of(run: RunView): Promise<ReferenceMetrics> {
    this.follow(run);
    return this.result!;
  }

  private async metrics(
    sites: readonly string[],
    noiseMultiplier: number,
    signal: AbortSignal,
  ): Promise<ReferenceMetrics> {
    const file = join(this.folder, 'reference.json');
    const stored = readStored(file);
    if (stored?.noiseMultiplier === noiseMultiplier && isDeepStrictEqual(stored.sites, sites)) return stored.metrics;
    const metrics = await this.train(sites, noiseMultiplier, signal);
    writeFileSync(file, JSON.stringify({ noiseMultiplier, sites, metrics }), { mode: 0o600 });
    return metrics;
  }

  private async train(
    sites: readonly string[],
    noiseMultiplier: number,
    signal: AbortSignal,
  ): Promise<ReferenceMetrics> {
    const { spec, seed, insecureDeterministic, files } = this.plan;
    const jobFile = join(this.folder, 'reference-job.json');
    const job = {
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
    writeFileSync(jobFile, JSON.stringify(job), { mode: 0o600 });
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
}

function readStored(file: string): z.infer<typeof storedSchema> | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

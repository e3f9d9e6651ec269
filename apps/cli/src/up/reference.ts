import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { RunView } from '@koinon/contracts';
import { z } from 'zod';
import type { Plan } from './options.js';
import { metricsSchema, trainReference, type ReferenceMetrics } from './reference-training.js';

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
    const fixed = run.rounds.findLast(({ decryptors }) => decryptors.length > 0);
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
    const metrics = await trainReference(this.folder, this.plan, { sites, noiseMultiplier }, signal);
    writeFileSync(file, JSON.stringify({ noiseMultiplier, sites, metrics }), { mode: 0o600 });
    return metrics;
  }
}

function readStored(file: string): z.infer<typeof storedSchema> | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

import { CodedError, ranges, sha256Schema, type Federation } from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import { z } from 'zod';
import type { Charge } from './charge.js';
import { controlAfter, controlQuantiser, controlChange, correctionOf } from './control.js';
import { roundFrame } from './round-frame.js';
import type { TaskKind } from './task-kind.js';
import { isSaturated, meanUpdate, updateLength, updateVector } from './update-vector.js';

const ask = z.strictObject({
  /** A site weighs by its noised record count, or all alike. */
  weighting: z.enum(['records', 'uniform']),
  /** μ of FedProx's term μ/2·‖w − w₀‖²; 0 for none. */
  proximalMu: ranges.proximalMu,
  /** Whether every step is corrected by control variates (SCAFFOLD). */
  controlVariate: z.boolean(),
  /** The server's control variate, by digest; null before the first one, which is zero. */
  control: sha256Schema.nullable(),
});

const input = z.object({
  ...roundFrame.pick({
    runId: true,
    round: true,
    federation: true,
    recordsSchemaSha256: true,
    modelSha256: true,
    noiseMultiplier: true,
    seed: true,
  }).shape,
  ...ask.shape,
  counted: z.object({ control: z.int().positive().optional() }),
});
export type FitAsk = z.infer<typeof ask>;
export type FitInput = z.infer<typeof input>;

export interface FitResult {
  /** Mean of the sites' (trained − base) weights. */
  readonly delta: Float64Array;
}

/** As much of a training as decides what it costs. */
export interface Noised {
  readonly federation: Pick<Federation, 'privacy' | 'local'>;
  readonly noiseMultiplier: number;
}

/** Part of the range that the mean of updates reaches which all were clipped to it, whatever quantising them did. */
const SATURATED = 0.99;

/** Local training of the round's model; the sum gives the mean of the sites' updates. */
export const fit = {
  ask,
  input,
  width: ({ weighting }, parameters) => (weighting === 'records' ? updateLength(parameters) : parameters),
  charge,
  answers: ({ runId, round }) => ({ runId, round }),
  async compute(asked, site) {
    const {
      runId,
      round,
      federation,
      controlVariate,
      counted: { control: counted = null },
    } = asked;
    const server = asked.control === null ? null : await site.vector(asked.control);
    const own = controlVariate ? site.controls.after(runId, counted) : null;
    const trained = await site.train(asked, charge(asked), correctionOf(server, own));
    const { range } = federation.encryption;
    if (isSaturated(trained.delta, range))
      throw new CodedError('TRAINING_DIVERGED', `most weights moved by more than ${range}`);
    if (controlVariate) {
      const grid = controlQuantiser(federation);
      const answer = grid.quantise(controlChange(trained.delta, server, federation.local), site.randomBytes);
      site.controls.keep(runId, counted, { round, answer, control: controlAfter(own, grid.dequantiseSum(answer, 1)) });
    }
    const vector =
      asked.weighting === 'records' ? updateVector(trained.delta, trained.records, scaling(federation)) : trained.delta;
    return quantiser(federation).quantise(vector, site.randomBytes);
  },
  decode({ federation, weighting }, sum, uploads): FitResult {
    const values = quantiser(federation).dequantiseSum(sum, uploads);
    const delta =
      weighting === 'records' ? meanUpdate(values, scaling(federation)).delta : values.map((value) => value / uploads);
    if (isSaturated(delta, SATURATED * federation.encryption.range)) throw new CodedError('TRAINING_DIVERGED');
    return { delta };
  },
} satisfies TaskKind<FitAsk, FitInput, FitResult>;

/**
 * The noisy steps of each round, and once the noised record count: it divides the gradient sums and weighs the update. Without
 * noise both are charged as such, which a site that has a budget refuses.
 */
function charge({ federation: { privacy, local }, noiseMultiplier }: Noised): readonly Charge[] {
  const recordCountNoise = privacy.epsilon === null ? 0 : privacy.recordCountNoise;
  return [
    {
      per: 'round',
      mechanism: { kind: 'sampled-gaussian', noiseMultiplier, samplingRate: local.samplingRate, steps: local.steps },
    },
    { per: 'run', mechanism: { kind: 'gaussian', noiseMultiplier: recordCountNoise, releases: 1 } },
  ];
}

const quantiser = ({ encryption: { bits, range } }: Federation): Quantiser => Quantiser.from({ bits, range });
const scaling = ({ sites, encryption }: Federation) => ({ maxRecords: sites.maxRecords, range: encryption.range });

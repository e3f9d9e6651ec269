import { CodedError, ranges, sha256Schema, type Federation } from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import { z } from 'zod';
import type { Charge } from './charge.js';
import { controlAfter, controlChange, correctionOf } from './control-variate.js';
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

const input = z
  .object({
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
    counted: z.object({ fit: z.int().positive().optional() }),
  })
  // With weights, the sum of the updates and their count would be two equations for what two sites sent.
  .refine(
    ({ controlVariate, weighting }) => !controlVariate || weighting === 'uniform',
    'control variates weigh all alike',
  )
  .refine(
    ({ controlVariate, control }) => controlVariate || control === null,
    'a control variate that nothing is made of',
  )
  .refine(({ counted, round }) => (counted.fit ?? 0) < round, 'a round counts after it');
export type FitAsk = z.infer<typeof ask>;
export type FitInput = z.infer<typeof input>;

export interface FitResult {
  /** Mean of the sites' (trained − base) weights. */
  readonly delta: Float64Array;
  readonly sites: number;
  /** K steps of rate η_l, as every site ran them. */
  readonly local: Pick<Federation['local'], 'steps' | 'learningRate'>;
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
      counted: { fit: counted = null },
    } = asked;
    const server = asked.control === null ? null : await site.vector(asked.control);
    const own = controlVariate ? site.controls.after(runId, counted) : null;
    const trained = await site.train(asked, charge(asked), correctionOf(server, own));
    const { range } = federation.encryption;
    if (isSaturated(trained.delta, range))
      throw new CodedError('TRAINING_DIVERGED', `most weights moved by more than ${range}`);
    const grid = quantiser(federation);
    const vector =
      asked.weighting === 'records' ? updateVector(trained.delta, trained.records, scaling(federation)) : trained.delta;
    const answer = grid.quantise(vector, site.randomBytes);
    if (controlVariate) {
      // Of what is sent, not of what was trained: the server, which sees its sum, then keeps the exact mean.
      const change = controlChange(grid.dequantiseSum(answer, 1), server, federation.local);
      site.controls.keep(runId, counted, { round, control: controlAfter(own, change) });
    }
    return answer;
  },
  decode({ federation, weighting }, sum, uploads): FitResult {
    const values = quantiser(federation).dequantiseSum(sum, uploads);
    const delta =
      weighting === 'records' ? meanUpdate(values, scaling(federation)).delta : values.map((value) => value / uploads);
    if (isSaturated(delta, SATURATED * federation.encryption.range)) throw new CodedError('TRAINING_DIVERGED');
    return { delta, sites: uploads, local: federation.local };
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

import type { Metrics } from '@koinon/contracts';
import { z } from 'zod';
import { roundFrame } from './round-frame.js';
import { countScores, countsOfDigits, digitsOfCounts, evaluationLength, metricsFromCounts } from './score-counts.js';
import type { TaskKind } from './task-kind.js';

const ask = z.strictObject({});
const input = roundFrame.pick({ federation: true, recordsSchemaSha256: true, modelSha256: true });
export type EvaluateInput = z.infer<typeof input>;

/** Scores of the test records, counted by class; the sum gives the metrics of all sites' records together. */
export const evaluate = {
  ask,
  input,
  width: ({ federation: { encryption } }) => evaluationLength(encryption.bits),
  /** Nothing: totals over test records, which training does not see, are exact and outside of ε. */
  charge: () => [],
  answers: () => null,
  async compute(asked, site) {
    const { probabilities, labels } = await site.score(asked);
    return digitsOfCounts(countScores(probabilities, labels), asked.federation.encryption.bits);
  },
  decode: ({ federation: { encryption } }, sum): Metrics => metricsFromCounts(countsOfDigits(sum, encryption.bits)),
} satisfies TaskKind<z.infer<typeof ask>, EvaluateInput, Metrics>;

/**
 * Evaluation as one integer vector, so that it can go through the secure sum: per class a histogram of scores.
 * Vectors of several sites are added; accuracy, F1 and AUC of all test splits together follow from the sum.
 */
import { CodedError, type Metrics } from '@koinon/contracts';

/** Equal-width bins of the probability. Even, so that the decision threshold .5 is an edge between two bins. */
export const SCORE_BINS = 100;

/** Entries of the count vector: negatives per bin, then positives per bin, both by rising score. */
export const COUNTS_LENGTH = 2 * SCORE_BINS;

/** Digits of a count in base 2^bits: more records than 32 bits count are in no table. */
const digitsOf = (bits: number): number => Math.ceil(32 / bits);

/** Entries of the summed vector, whose values have `bits` bits at each site. */
export const evaluationLength = (bits: number): number => digitsOf(bits) * COUNTS_LENGTH;

/**
 * Counts test records by class and score.
 * @param probabilities [rows] in [0, 1]
 * @param labels [rows] 0 or 1
 * @returns [COUNTS_LENGTH]
 * @throws CodedError MODEL_INVALID when a score is not a probability
 */
export function countScores(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Uint32Array {
  const counts = new Uint32Array(COUNTS_LENGTH);
  for (let row = 0; row < labels.length; row++) {
    const probability = probabilities[row] ?? Number.NaN;
    if (!(probability >= 0 && probability <= 1)) {
      throw new CodedError('MODEL_INVALID', `the score of test record ${row + 1} is not a probability`);
    }
    const bin = Math.min(SCORE_BINS - 1, Math.floor(probability * SCORE_BINS));
    const index = (labels[row] === 1 ? SCORE_BINS : 0) + bin;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

/** @returns [evaluationLength(bits)] the lowest digits of all counts first, then the next; a count is the same from sums of digits */
export function digitsOfCounts(counts: Uint32Array, bits: number): Uint32Array {
  return Uint32Array.from(
    { length: evaluationLength(bits) },
    (_, i) => Math.floor(counts[i % COUNTS_LENGTH]! / 2 ** (bits * Math.floor(i / COUNTS_LENGTH))) % 2 ** bits,
  );
}

/**
 * Counts from the sums of their digits over all sites.
 * @throws CodedError SUM_OUT_OF_RANGE on a vector of another length
 */
export function countsOfDigits(digits: ArrayLike<number>, bits: number): Float64Array {
  if (digits.length !== evaluationLength(bits))
    throw new CodedError('SUM_OUT_OF_RANGE', 'evaluation counts of another length');
  const counts = new Float64Array(COUNTS_LENGTH);
  for (let i = 0; i < digits.length; i++)
    counts[i % COUNTS_LENGTH]! += digits[i]! * 2 ** (bits * Math.floor(i / COUNTS_LENGTH));
  return counts;
}

/**
 * Metrics at threshold .5 from added count vectors. Accuracy and F1 are exact; a positive and a negative in the same
 * bin count half for the AUC, whose error is therefore at most ½ Σ_b positives_b · negatives_b / (positives · negatives).
 * @throws CodedError SUM_OUT_OF_RANGE on a vector of another length or without counts of both classes
 */
export function metricsFromCounts(counts: ArrayLike<number>): Metrics {
  if (counts.length !== COUNTS_LENGTH) throw new CodedError('SUM_OUT_OF_RANGE', 'evaluation counts of another length');
  const at = (index: number): number => counts[index] ?? 0;
  let [negatives, positives, trueNegatives, falseNegatives, pairs] = [0, 0, 0, 0, 0];
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const [negative, positive] = [at(bin), at(SCORE_BINS + bin)];
    if (bin === SCORE_BINS / 2) [trueNegatives, falseNegatives] = [negatives, positives];
    pairs += positive * (negatives + negative / 2);
    negatives += negative;
    positives += positive;
  }
  if (negatives === 0 || positives === 0)
    throw new CodedError('SUM_OUT_OF_RANGE', 'the test splits together hold one class only');
  const truePositives = positives - falseNegatives;
  const falsePositives = negatives - trueNegatives;
  return {
    accuracy: (truePositives + trueNegatives) / (positives + negatives),
    auc: pairs / (positives * negatives),
    f1: (2 * truePositives) / (truePositives + falsePositives + positives),
    records: positives + negatives,
  };
}

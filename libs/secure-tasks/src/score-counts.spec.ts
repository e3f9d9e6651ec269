import { describe, expect, it } from 'vitest';
import { CodedError } from '@koinon/contracts';
import {
  countScores,
  COUNTS_LENGTH,
  countsOfDigits,
  digitsOfCounts,
  evaluationLength,
  metricsFromCounts,
  SCORE_BINS,
} from './score-counts.js';

/** Wichmann-Hill: small, seeded and independent of everything under test. */
function uniform(seed: number): () => number {
  let [a, b, c] = [seed % 30269 || 1, (seed * 7) % 30307 || 1, (seed * 13) % 30323 || 1];
  return () => {
    [a, b, c] = [(171 * a) % 30269, (172 * b) % 30307, (170 * c) % 30323];
    return (a / 30269 + b / 30307 + c / 30323) % 1;
  };
}

/** Scores of `rows` records whose logit is shifted by 2 for positives; `spread` scales the logit. */
function scored(rows: number, spread: number, seed: number): { probabilities: Float32Array; labels: Float32Array } {
  const next = uniform(seed);
  const labels = Float32Array.from({ length: rows }, () => Number(next() < 0.6));
  const probabilities = labels.map((label) => {
    const logit = spread * (2 * label - 1 + Math.log(1 / Math.max(1e-9, next()) - 1));
    return 1 / (1 + Math.exp(-logit));
  });
  return { probabilities, labels };
}

/** AUC by comparing every positive with every negative. */
function pairwiseAuc(probabilities: Float32Array, labels: Float32Array): number {
  let [wins, pairs] = [0, 0];
  probabilities.forEach((high, i) =>
    probabilities.forEach((low, j) => {
      if (labels[i] !== 1 || labels[j] !== 0) return;
      pairs++;
      wins += high > low ? 1 : high === low ? 0.5 : 0;
    }),
  );
  return wins / pairs;
}

describe('evaluation counts', () => {
  it('give accuracy and F1 exactly and AUC within .002', () => {
    for (const [rows, spread, seed] of [
      [254, 1, 1],
      [254, 0.5, 2],
      [500, 1, 3],
      [1500, 0.7, 4],
    ] as const) {
      const { probabilities, labels } = scored(rows, spread, seed);
      const metrics = metricsFromCounts(countScores(probabilities, labels));
      const tally = { tp: 0, fp: 0, fn: 0, tn: 0 };
      probabilities.forEach(
        (p, i) => tally[`${p >= 0.5 === (labels[i] === 1) ? 't' : 'f'}${p >= 0.5 ? 'p' : 'n'}` as const]++,
      );
      expect(metrics.records).toBe(rows);
      expect(metrics.accuracy).toBe((tally.tp + tally.tn) / rows);
      expect(metrics.f1).toBe((2 * tally.tp) / (2 * tally.tp + tally.fp + tally.fn));
      expect(Math.abs(metrics.auc - pairwiseAuc(probabilities, labels))).toBeLessThan(0.002);
    }
  });

  it('put the threshold on an edge: the float below .5 is negative, .5 is positive', () => {
    const below = new Float32Array(new Uint32Array([0x3effffff]).buffer)[0] ?? 0;
    const counts = countScores([below, 0.5, 0, 1], [0, 1, 0, 1]);
    expect(metricsFromCounts(counts)).toEqual({ accuracy: 1, auc: 1, f1: 1, records: 4 });
    expect([counts[0], counts[SCORE_BINS / 2 - 1], counts[1.5 * SCORE_BINS], counts[2 * SCORE_BINS - 1]]).toEqual([
      1, 1, 1, 1,
    ]);
  });

  it('of two sites add up to those of both together', () => {
    const { probabilities, labels } = scored(300, 1, 9);
    const first = countScores(probabilities.subarray(0, 120), labels.subarray(0, 120));
    const second = countScores(probabilities.subarray(120), labels.subarray(120));
    expect(first.map((count, i) => count + (second[i] ?? 0))).toEqual(countScores(probabilities, labels));
  });

  it.each([8, 16])('come whole out of a sum of values of %i bits', (bits) => {
    const sites = [0, 1, 2 ** bits - 1, 2 ** bits, 1_000_003, 2 ** 32 - 1].map((count) =>
      new Uint32Array(COUNTS_LENGTH).fill(count, 7),
    );
    const digits = sites.map((counts) => digitsOfCounts(counts, bits));
    for (const of of digits) expect([of.length, Math.max(...of) < 2 ** bits]).toEqual([evaluationLength(bits), true]);
    const sum = Array.from({ length: evaluationLength(bits) }, (_, i) =>
      digits.reduce((total, of) => total + of[i]!, 0),
    );
    expect(countsOfDigits(sum, bits)).toEqual(
      Float64Array.from({ length: COUNTS_LENGTH }, (_, i) => sites.reduce((total, counts) => total + counts[i]!, 0)),
    );
    expect(() => countsOfDigits(sum.slice(1), bits)).toThrow(
      expect.objectContaining({ code: 'SUM_OUT_OF_RANGE' }) as CodedError,
    );
  });

  it('count ties half', () => {
    expect(metricsFromCounts(countScores([0.7, 0.7, 0.7], [1, 0, 0]))).toEqual({
      accuracy: 1 / 3,
      auc: 0.5,
      f1: 0.5,
      records: 3,
    });
  });

  it('refuse what they cannot score', () => {
    const code = (act: () => unknown): string => {
      try {
        act();
      } catch (error) {
        if (error instanceof CodedError) return error.code;
      }
      return 'none';
    };
    for (const bad of [Number.NaN, -0.1, 1.1]) expect(code(() => countScores([bad], [1]))).toBe('MODEL_INVALID');
    expect(code(() => countScores([], [1]))).toBe('MODEL_INVALID');
    expect(code(() => metricsFromCounts(new Uint32Array(4)))).toBe('SUM_OUT_OF_RANGE');
    expect(code(() => metricsFromCounts(countScores([0.2, 0.9], [1, 1])))).toBe('SUM_OUT_OF_RANGE');
    expect(code(() => metricsFromCounts(new Uint32Array(COUNTS_LENGTH)))).toBe('SUM_OUT_OF_RANGE');
  });
});

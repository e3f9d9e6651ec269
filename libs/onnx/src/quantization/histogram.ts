import type { Range } from './affine.js';

const BINS = 2048;
const THRESHOLD_STEP = 8;

/** Counts of values in equal bins over `range`; exact zeros are left out, since every quantisation keeps them exact. */
export class Histogram {
  readonly counts = new Float64Array(BINS);
  private readonly width: number;

  constructor(readonly range: Range) {
    this.width = (range.max - range.min) / BINS;
  }

  add(values: Float32Array): void {
    for (const value of values) {
      if (value === 0) continue;
      const bin = this.width > 0 ? Math.floor((value - this.range.min) / this.width) : 0;
      this.counts[Math.min(BINS - 1, Math.max(0, bin))]! += 1;
    }
  }

  /** The range that holds all but the outer (100 − percent) % of the values at each end. */
  percentileRange(percent: number): Range {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    const outside = Math.round(total * (1 - percent / 100));
    return { min: this.edge(this.skip(outside, 1)), max: this.edge(BINS - this.skip(outside, -1)) };
  }

  /**
   * The symmetric threshold whose clipped and quantised distribution loses least information, as a range within
   * what was seen (S. Migacz, 8-bit Inference with TensorRT, GTC 2017).
   */
  entropyRange(): Range {
    const bound = Math.max(Math.abs(this.range.min), Math.abs(this.range.max));
    const magnitudes = this.magnitudes(bound);
    // All 256 levels serve a one-sided distribution, half of them each side of a two-sided one.
    const levels = this.range.min < 0 && this.range.max > 0 ? 128 : 256;
    let best = { threshold: BINS, loss: Infinity };
    for (let threshold = levels; threshold <= BINS; threshold += THRESHOLD_STEP) {
      const loss = divergence(magnitudes, threshold, levels);
      if (loss < best.loss) best = { threshold, loss };
    }
    const limit = (bound * best.threshold) / BINS;
    return { min: Math.max(this.range.min, -limit), max: Math.min(this.range.max, limit) };
  }

  private edge(bin: number): number {
    return this.range.min + bin * this.width;
  }

  /** Number of bins at one end that together hold at most `count` values. */
  private skip(count: number, direction: 1 | -1): number {
    let seen = 0;
    for (let skipped = 0; skipped < BINS; skipped++) {
      seen += this.counts[direction === 1 ? skipped : BINS - 1 - skipped]!;
      if (seen > count) return skipped;
    }
    return 0;
  }

  private magnitudes(bound: number): Float64Array {
    const folded = new Float64Array(BINS);
    this.counts.forEach((count, bin) => {
      const centre = Math.abs(this.edge(bin + 0.5));
      folded[Math.min(BINS - 1, Math.floor((centre / bound) * BINS))]! += count;
    });
    return folded;
  }
}

/** Kullback-Leibler divergence between the distribution clipped at `threshold` and its quantisation to `levels`. */
function divergence(counts: Float64Array, threshold: number, levels: number): number {
  const clipped = counts.slice(0, threshold);
  const inside = clipped.reduce((sum, count) => sum + count, 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (inside === 0) return Infinity;
  const quantized = spreadOverLevels(clipped, levels);
  clipped[threshold - 1]! += total - inside;
  let loss = 0;
  clipped.forEach((count, bin) => {
    if (count === 0) return;
    const p = count / total;
    loss += p * Math.log(p / Math.max(quantized[bin]! / inside, 1e-9));
  });
  return loss;
}

/** Each level's count, shared equally among those of its bins that are not empty. */
function spreadOverLevels(counts: Float64Array, levels: number): Float64Array {
  const spread = new Float64Array(counts.length);
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * counts.length) / levels);
    const to = Math.floor(((level + 1) * counts.length) / levels);
    let sum = 0;
    let occupied = 0;
    for (let bin = from; bin < to; bin++) {
      sum += counts[bin]!;
      if (counts[bin]! > 0) occupied += 1;
    }
    for (let bin = from; bin < to; bin++) if (counts[bin]! > 0) spread[bin] = sum / occupied;
  }
  return spread;
}

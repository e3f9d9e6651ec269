const bucketsPerOctave = 32;
const smallestMs = 0.001;
const octaves = 30;

/**
 * Durations in buckets that are evenly spaced in each power of two, from 1 µs to about 18 minutes:
 * constant memory, and a quantile is at most 1/32 above the true one (the idea of Tene's HdrHistogram).
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketsPerOctave * octaves);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(durationMs: number): void {
    const units = Math.max(durationMs / smallestMs, 1);
    const octave = Math.floor(Math.log2(units));
    const step = Math.floor((units / 2 ** octave - 1) * bucketsPerOctave);
    const bucket = Math.min(octave * bucketsPerOctave + step, this.#counts.length - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /** Upper edge of the bucket that holds the sample of that rank, in milliseconds; `null` without samples. */
  quantile(fraction: number): number | null {
    if (this.#total === 0) return null;
    const rank = Math.max(1, Math.ceil(fraction * this.#total));
    let seen = 0;
    const bucket = this.#counts.findIndex((count) => (seen += count) >= rank);
    return 2 ** Math.floor(bucket / bucketsPerOctave) * (1 + ((bucket % bucketsPerOctave) + 1) / bucketsPerOctave) * smallestMs;
  }
}

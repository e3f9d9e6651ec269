/** A complex vector whose length is a power of two. */
export interface ComplexVector {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Discrete Fourier transform in place, radix 2; `inverse` includes the division by the length.
 * Twiddle factors come from one table of directly computed cosines, so that the error stays O(log n) roundings.
 */
export function fourierTransform({ re, im }: ComplexVector, inverse = false): void {
  const n = re.length;
  reverseBits(re, im);
  const { cos, sin } = twiddles(n);
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const wr = cos[j * stride]!;
        const wi = inverse ? sin[j * stride]! : -sin[j * stride]!;
        const upper = start + j;
        const lower = upper + half;
        const tr = re[lower]! * wr - im[lower]! * wi;
        const ti = re[lower]! * wi + im[lower]! * wr;
        re[lower] = re[upper]! - tr;
        im[lower] = im[upper]! - ti;
        re[upper] = re[upper]! + tr;
        im[upper] = im[upper]! + ti;
      }
    }
  }
  if (!inverse) return;
  for (let i = 0; i < n; i++) {
    re[i] = re[i]! / n;
    im[i] = im[i]! / n;
  }
}

let table: { readonly length: number; readonly cos: Float64Array; readonly sin: Float64Array } | undefined;

function twiddles(n: number) {
  if (table?.length === n) return table;
  const cos = new Float64Array(n / 2);
  const sin = new Float64Array(n / 2);
  for (let j = 0; j < n / 2; j++) {
    cos[j] = Math.cos((2 * Math.PI * j) / n);
    sin[j] = Math.sin((2 * Math.PI * j) / n);
  }
  table = { length: n, cos, sin };
  return table;
}

function reverseBits(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
}

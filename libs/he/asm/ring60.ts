/**
 * Arithmetic modulo 60-bit primes and in Z_q[X]/(X^N+1), compiled by AssemblyScript. All pointers are
 * 16-byte aligned arrays of u64; a shoup argument is floor(w·2^64/q) for the factor w beside it.
 * No branch and no address depends on a value, so that time does not depend on secrets.
 */

/** The upper 64 bits of a·b. WebAssembly has no such instruction, so four 32-bit products. */
// @ts-ignore: decorator
@inline
function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff, aHigh = a >> 32, bLow = b & 0xffffffff, bHigh = b >> 32;
  const t = ((aLow * bLow) >> 32) + aLow * bHigh;
  const u = (t & 0xffffffff) + aHigh * bLow;
  return aHigh * bHigh + (t >> 32) + (u >> 32);
}

/** x - q where x >= q, else x; for x, q < 2^63. */
// @ts-ignore: decorator
@inline
function reduceOnce(x: u64, q: u64): u64 {
  const d = x - q;
  return d + (q & <u64>(<i64>d >> 63));
}

/** x·w mod q in [0, 2q) for any x (Shoup; Harvey, "Faster arithmetic for number-theoretic transforms", 2014). */
// @ts-ignore: decorator
@inline
function mulShoup(x: u64, w: u64, shoup: u64, q: u64): u64 {
  return x * w - mulHigh(x, shoup) * q;
}

/**
 * sum[i] += source[i] without reduction: the caller reduces before the 16th term, since 16·(2^60-1) < 2^64.
 * Bit 0 of the answer: a source residue was not below q. Bit 1: every source residue was 0.
 */
export function accumulate(sum: usize, source: usize, n: i32, q: u64): i32 {
  const largest = i64x2.splat(q - 1);
  let outside = i64x2.splat(0), any = i64x2.splat(0);
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 16) {
    const v = v128.load(source + i);
    // The sign bit is set where v >= 2^63 or v > q - 1.
    outside = v128.or(outside, v128.or(v, v128.sub<u64>(largest, v)));
    any = v128.or(any, v);
    v128.store(sum + i, v128.add<u64>(v128.load(sum + i), v));
  }
  const sign = v128.extract_lane<i64>(outside, 0) | v128.extract_lane<i64>(outside, 1);
  return <i32>(sign < 0) | (<i32>(!v128.any_true(any)) << 1);
}

/** Values below 2^64 to [0, q), for q = 2^60 - δ with 16·δ < q. */
export function reduce(a: usize, n: i32, q: u64): void {
  for (const end = a + (<usize>n << 3); a < end; a += 8) {
    const v = load<u64>(a);
    store<u64>(a, reduceOnce(v - (v >> 60) * q, q));
  }
}

/** target[i] = a[i] + b[i] mod q, all below q. */
export function add(target: usize, a: usize, b: usize, n: i32, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    store<u64>(target + i, reduceOnce(load<u64>(a + i) + load<u64>(b + i), q));
  }
}

/** target[i] = a[i] - b[i] mod q, all below q. */
export function subtract(target: usize, a: usize, b: usize, n: i32, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    store<u64>(target + i, reduceOnce(load<u64>(a + i) + q - load<u64>(b + i), q));
  }
}

/** target[i] = a[i]·w mod q. */
export function scale(target: usize, a: usize, n: i32, w: u64, shoup: u64, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    store<u64>(target + i, reduceOnce(mulShoup(load<u64>(a + i), w, shoup, q), q));
  }
}

/** target[i] = a[i]·b[i] mod q (Barrett with mu = floor(2^122/q), for 2^59 < q < 2^60). */
export function multiply(target: usize, a: usize, b: usize, n: i32, q: u64, mu: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    const x = load<u64>(a + i), y = load<u64>(b + i);
    const low = x * y;
    // The estimate of the quotient is at most 2 too small.
    const quotient = mulHigh((mulHigh(x, y) << 6) | (low >> 58), mu);
    store<u64>(target + i, reduceOnce(reduceOnce(low - quotient * q, q), q));
  }
}

/** Negacyclic transform in place, natural order in, bit-reversed out. `roots[bitrev(i)] = psi^i`. */
export function forward(a: usize, n: i32, q: u64, roots: usize, shoups: usize): void {
  const twice = q << 1;
  let t: usize = <usize>n << 3;
  for (let m: i32 = 1; m < n; m <<= 1) {
    t >>= 1;
    let x = a;
    for (let i: i32 = m; i < m << 1; i++) {
      const w = load<u64>(roots + (<usize>i << 3)), s = load<u64>(shoups + (<usize>i << 3));
      for (const end = x + t; x < end; x += 8) {
        const u = reduceOnce(load<u64>(x), twice);
        const v = mulShoup(load<u64>(x + t), w, s, q);
        store<u64>(x, u + v);
        store<u64>(x + t, u - v + twice);
      }
      x += t;
    }
  }
  for (let x = a, end = a + (<usize>n << 3); x < end; x += 8) {
    store<u64>(x, reduceOnce(reduceOnce(load<u64>(x), twice), q));
  }
}

/** The inverse of `forward`. `roots[bitrev(i)] = psi^-i`; (w, s) is 1/n. */
export function inverse(a: usize, n: i32, q: u64, roots: usize, shoups: usize, w: u64, s: u64): void {
  const twice = q << 1;
  let t: usize = 8;
  for (let m: i32 = n >> 1; m > 0; m >>= 1) {
    let x = a;
    for (let i: i32 = m; i < m << 1; i++) {
      const r = load<u64>(roots + (<usize>i << 3)), p = load<u64>(shoups + (<usize>i << 3));
      for (const end = x + t; x < end; x += 8) {
        const u = load<u64>(x), v = load<u64>(x + t);
        store<u64>(x, reduceOnce(u + v, twice));
        store<u64>(x + t, mulShoup(u - v + twice, r, p, q));
      }
      x += t;
    }
    t <<= 1;
  }
  scale(a, a, n, w, s, q);
}

/** 1 if every residue is below q, else 0. */
export function isReduced(a: usize, n: i32, q: u64): i32 {
  let outside: u64 = 0;
  for (const end = a + (<usize>n << 3); a < end; a += 8) {
    const v = load<u64>(a);
    outside |= v | (q - 1 - v);
  }
  return <i32>(<i64>outside >= 0);
}

/** Random words to residues by rejection on 60 bits; answers how many residues were found, at most n. */
export function uniform(target: usize, words: usize, count: i32, n: i32, q: u64): i32 {
  let found: i32 = 0;
  for (let i: i32 = 0; i < count && found < n; i++) {
    const v = load<u64>(words + (<usize>i << 3)) & 0x0fffffffffffffff;
    store<u64>(target + (<usize>found << 3), v);
    found += <i32>(v < q);
  }
  return found;
}

/** Signed i64 values, |v| < q, to residues. */
export function fromSigned(target: usize, source: usize, n: i32, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    const v = load<i64>(source + i);
    store<u64>(target + i, <u64>(v + (<i64>q & (v >> 63))));
  }
}

/** Random words to residues of integers uniform in [-2^bits, 2^bits), the same integer for every q. */
export function smudge(target: usize, words: usize, n: i32, bits: i32, q: u64): void {
  const mask = ((<u64>2) << bits) - 1, half = (<i64>1) << bits;
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    const v = <i64>(load<u64>(words + i) & mask) - half;
    store<u64>(target + i, <u64>(v + (<i64>q & (v >> 63))));
  }
}

/** target[i] = Σ_j values[i·k+j]·2^(field·j) from u32 values; answers 1 if a value has more than `bits` bits. */
export function pack(target: usize, values: usize, n: i32, k: i32, field: i32, bits: i32): i32 {
  let all: u32 = 0;
  for (const end = target + (<usize>n << 3); target < end; target += 8) {
    let v: u64 = 0;
    for (let j: i32 = 0; j < k; j++, values += 4) {
      const part = load<u32>(values);
      all |= part;
      v |= <u64>part << (field * j);
    }
    store<u64>(target, v);
  }
  return <i32>((all >> bits) != 0);
}

/**
 * Coefficient residues of Δ·m + e modulo q0 and q1 to the packed integers m, Δ = 2^logScale (58 to 63):
 * Garner's CRT, add Δ/2, drop Q where it is exceeded, shift. Writes k sums of `field` bits per coefficient as u32,
 * and max |e| to `noise`. Bit 0 of the answer: an m has more than k fields. Bit 1: a sum exceeds `largest`.
 */
export function decode(target: usize, a: usize, b: usize, n: i32, k: i32, field: i32, logScale: i32, largest: u32,
  q0: u64, q1: u64, inverse: u64, shoup: u64, productHigh: u64, productLow: u64, noise: usize): i32 {
  const half = (<u64>1) << (logScale - 1), mask = ((<u64>1) << logScale) - 1, fieldMask = ((<u64>1) << field) - 1;
  let excess: u64 = 0, over: i32 = 0, worst: u64 = load<u64>(noise);
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    const x = load<u64>(a + i);
    const h = reduceOnce(mulShoup(load<u64>(b + i) + q1 - reduceOnce(x, q1), inverse, shoup, q1), q1);
    let low = h * q0, high = mulHigh(h, q0);
    const sum = x + half;
    low += sum;
    high += <u64>(low < sum);
    if (high > productHigh || (high == productHigh && low >= productLow)) {
      high -= productHigh + <u64>(low < productLow);
      low -= productLow;
    }
    let packed = (high << (64 - logScale)) | (low >> logScale);
    const e = <i64>(low & mask) - <i64>half;
    worst = max<u64>(worst, <u64>abs<i64>(e));
    for (let j: i32 = 0; j < k; j++, target += 4) {
      const part = <u32>(packed & fieldMask);
      store<u32>(target, part);
      over |= <i32>(part > largest);
      packed >>= field;
    }
    excess |= packed;
  }
  store<u64>(noise, worst);
  return <i32>(excess != 0) | (over << 1);
}

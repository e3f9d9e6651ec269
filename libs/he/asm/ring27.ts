/**
 * One-time-key kernel: Z_q[X]/(X^N+1), q = p0·p1 with p below 2^27, residues as u32 in four SIMD lanes.
 * A shoup argument is floor(w·2^32/p). No branch and no address depends on a secret.
 */

// @ts-ignore: decorator
@inline
function mulShoup(x: u32, w: u32, shoup: u32, p: u32): u32 {
  return x * w - <u32>((<u64>x * <u64>shoup) >> 32) * p;
}

/** Lane by lane x·w mod p in [0, 2p). */
// @ts-ignore: decorator
@inline
function mulShoup4(x: v128, w: v128, shoup: v128, p: v128): v128 {
  const low = v128.extmul_low<u32>(x, shoup), high = v128.extmul_high<u32>(x, shoup);
  const quotient = v128.shuffle<u32>(low, high, 1, 3, 5, 7);
  return v128.sub<u32>(v128.mul<u32>(x, w), v128.mul<u32>(quotient, p));
}

/** x or x - p, whichever is smaller as an unsigned number. */
// @ts-ignore: decorator
@inline
function reduceOnce4(x: v128, p: v128): v128 {
  return v128.min<u32>(x, v128.sub<u32>(x, p));
}

// @ts-ignore: decorator
@inline
function reduceOnce(x: u32, p: u32): u32 {
  return min<u32>(x, x - p);
}

/** Negacyclic transform in place, natural order in, bit-reversed out, results below p. `roots[bitrev(i)] = psi^i`. */
export function forward(a: usize, n: i32, p: u32, roots: usize, shoups: usize): void {
  const twice = p << 1;
  let t: usize = <usize>n << 2;
  for (let m: i32 = 1; m < n; m <<= 1) {
    t >>= 1;
    let x = a;
    for (let i: i32 = m; i < m << 1; i++) {
      const w = load<u32>(roots + (<usize>i << 2)), s = load<u32>(shoups + (<usize>i << 2));
      for (const end = x + t; x < end; x += 4) {
        const u = reduceOnce(load<u32>(x), twice), v = mulShoup(load<u32>(x + t), w, s, p);
        store<u32>(x, u + v);
        store<u32>(x + t, u - v + twice);
      }
      x += t;
    }
  }
  for (let x = a, end = a + (<usize>n << 2); x < end; x += 4) {
    store<u32>(x, reduceOnce(reduceOnce(load<u32>(x), twice), p));
  }
}

/** N times the inverse of `forward`, results below 2p: the caller folds 1/N into a factor. `roots[bitrev(i)] = psi^-i`. */
export function inverseTimesN(a: usize, n: i32, p: u32, roots: usize, shoups: usize): void {
  const twice = p << 1, p4 = i32x4.splat(p), twice4 = i32x4.splat(twice);
  let t: usize = 4;
  for (let m: i32 = n >> 1; m > 0; m >>= 1) {
    let x = a;
    for (let i: i32 = m; i < m << 1; i++) {
      const w = load<u32>(roots + (<usize>i << 2)), s = load<u32>(shoups + (<usize>i << 2));
      if (t < 16) {
        for (const end = x + t; x < end; x += 4) {
          const u = load<u32>(x), v = load<u32>(x + t);
          store<u32>(x, reduceOnce(u + v, twice));
          store<u32>(x + t, mulShoup(u - v + twice, w, s, p));
        }
      } else {
        const w4 = i32x4.splat(w), s4 = i32x4.splat(s);
        for (const end = x + t; x < end; x += 16) {
          const u = v128.load(x), v = v128.load(x + t);
          v128.store(x, reduceOnce4(v128.add<u32>(u, v), twice4));
          v128.store(x + t, mulShoup4(v128.add<u32>(v128.sub<u32>(u, v), twice4), w4, s4, p4));
        }
      }
      x += t;
    }
    t <<= 1;
  }
}

/** target[i] = a[i]·key[i] mod p in [0, 2p), with the key's Shoup companions. */
export function multiply(target: usize, a: usize, key: usize, shoups: usize, n: i32, p: u32): void {
  const p4 = i32x4.splat(p);
  for (let i: usize = 0, end = <usize>n << 2; i < end; i += 16) {
    v128.store(target + i, mulShoup4(v128.load(a + i), v128.load(key + i), v128.load(shoups + i), p4));
  }
}

/** key[i] = a[i]·w mod p and its Shoup companions. */
export function prepareKey(key: usize, shoups: usize, a: usize, n: i32, w: u32, shoup: u32, p: u32): void {
  for (let i: usize = 0, end = <usize>n << 2; i < end; i += 4) {
    const v = reduceOnce(mulShoup(load<u32>(a + i), w, shoup, p), p);
    store<u32>(key + i, v);
    store<u32>(shoups + i, <u32>((<u64>v << 32) / <u64>p));
  }
}

/** Signed i32 values, |v| < p, to residues. */
export function fromSigned(target: usize, source: usize, n: i32, p: u32): void {
  for (let i: usize = 0, end = <usize>n << 2; i < end; i += 4) {
    const v = load<i32>(source + i);
    store<u32>(target + i, <u32>(v + (<i32>p & (v >> 31))));
  }
}

/** Public random words to residues by rejection on 27 bits; answers how many were found, at most n. */
export function uniform(target: usize, words: usize, count: i32, n: i32, p: u32): i32 {
  let found: i32 = 0;
  for (let i: i32 = 0; i < count && found < n; i++) {
    const v = load<u32>(words + (<usize>i << 2)) & 0x7ffffff;
    store<u32>(target + (<usize>found << 2), v);
    found += <i32>(v < p);
  }
  return found;
}

/**
 * Discrete Gaussian by inversion: of each 64-bit random word one bit is the sign and 63 are compared with every
 * threshold floor(2^63·P(|X| <= k)), so that the time does not depend on the sample. Writes i32.
 */
export function gaussian(target: usize, words: usize, n: i32, thresholds: usize, count: i32): void {
  const magnitude = i64x2.splat(0x7fffffffffffffff);
  for (let i: i32 = 0; i < n; i += 4, words += 32, target += 16) {
    const r0 = v128.load(words), r1 = v128.load(words + 16);
    const u0 = v128.and(r0, magnitude), u1 = v128.and(r1, magnitude);
    let k0 = i64x2.splat(0), k1 = i64x2.splat(0);
    for (let k: i32 = 0; k < count; k++) {
      const threshold = v128.load64_splat(thresholds + (<usize>k << 3));
      k0 = v128.sub<i64>(k0, v128.ge<i64>(u0, threshold));
      k1 = v128.sub<i64>(k1, v128.ge<i64>(u1, threshold));
    }
    const s0 = v128.shr<i64>(r0, 63), s1 = v128.shr<i64>(r1, 63);
    const e0 = v128.sub<i64>(v128.xor(k0, s0), s0), e1 = v128.sub<i64>(v128.xor(k1, s1), s1);
    v128.store(target, v128.shuffle<i32>(e0, e1, 0, 2, 4, 6));
  }
}

/** Garner: residues below 2p each to the number below p0·p1; (w, shoup) is 1/p0 mod p1, and p0 < p1. */
// @ts-ignore: decorator
@inline
function join(x0: u32, x1: u32, p0: u32, p1: u32, w: u32, shoup: u32): u64 {
  const a = reduceOnce(x0, p0), b = reduceOnce(x1, p1);
  return <u64>a + <u64>p0 * <u64>reduceOnce(mulShoup(b - a + p1, w, shoup, p1), p1);
}

/**
 * One upload block: c = mask + e + 2^scale·Σ_j value_j·2^(field·j) mod q, its `dropped` low bits rounded away, `width`
 * bits each. `out` needs 8 spare bytes. Answers 1 if a value has more than `bits` bits.
 */
export function conceal(out: usize, x0: usize, x1: usize, e: usize, values: usize, n: i32, k: i32, field: i32, bits: i32, scale: i32,
  dropped: i32, width: i32, p0: u32, p1: u32, w: u32, shoup: u32): i32 {
  const q = <i64>p0 * <i64>p1, half = (<u64>1 << dropped) >> 1;
  let all: u32 = 0, bit: usize = 0, pending: u64 = 0;
  for (let i: usize = 0, end = <usize>n << 2; i < end; i += 4) {
    let packed: u64 = 0;
    for (let j: i32 = 0; j < k; j++, values += 4) {
      const value = load<u32>(values);
      all |= value;
      packed |= <u64>value << (field * j);
    }
    let c = <i64>join(load<u32>(x0 + i), load<u32>(x1 + i), p0, p1, w, shoup) + load<i32>(e + i) + <i64>(packed << scale);
    c += q & (c >> 63);
    c -= q;
    c += q & (c >> 63);
    const y = (<u64>c + half) >> dropped;
    // `pending` holds the bits of the byte that the last coefficient left unfinished; width + 7 is below 64.
    const word = pending | (y << (<u64>bit & 7));
    store<u64>(out + (bit >> 3), word);
    const next = bit + <usize>width;
    pending = word >> (<u64>((next >> 3) - (bit >> 3)) << 3);
    bit = next;
  }
  return <i32>((all >> bits) != 0);
}

/** Adds two numbers that start at bytes 0 and 6 of a vector, after a common shift and one of the second lane. */
// @ts-ignore: decorator
@inline
function addPair(sum: usize, bytes: v128, common: i32, second: i32, mask: v128, largest: v128, outside: v128): v128 {
  const both = v128.shr<u64>(v128.shuffle<u8>(bytes, bytes, 0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10, 11, 12, 13), common);
  const y = v128.and(v128.shuffle<u64>(both, v128.shr<u64>(both, second), 0, 3), mask);
  v128.store(sum, v128.add<u64>(v128.load(sum), y));
  return v128.or(outside, v128.sub<u64>(largest, y));
}

/**
 * sum[i] += the i-th number of source, `width` bits each, 48 or 50: four of them take 24 or 25 bytes and start at bytes
 * 0, 6, 12 and 18 of these. n is a multiple of 4; `source` needs 8 spare bytes. Answers 1 if one exceeds `largest`.
 */
export function accumulate(sum: usize, source: usize, n: i32, width: i32, largest: u64): i32 {
  const mask = i64x2.splat(((<u64>1) << width) - 1), most = i64x2.splat(largest);
  const second = width - 48, common = 2 * second, step = <usize>width >> 1;
  let outside = i64x2.splat(0);
  for (const end = sum + (<usize>n << 3); sum < end; sum += 32, source += step) {
    outside = addPair(sum, v128.load(source), 0, second, mask, most, outside);
    outside = addPair(sum + 16, v128.load(source + 12), common, second, mask, most, outside);
  }
  return <i32>((v128.extract_lane<i64>(outside, 0) | v128.extract_lane<i64>(outside, 1)) < 0);
}

/**
 * Takes the summed mask from a sum block and rounds: writes k sums of `field` bits per coefficient as u32; adds the
 * squares of the errors to statistics[0] (f64) and raises statistics[1] (f64) to the largest. `bias` is the mean of the
 * rounding on the wire, half a unit per upload. Answers 1 if a sum exceeds `largest`.
 */
export function reveal(out: usize, sum: usize, x0: usize, x1: usize, n: i32, k: i32, field: i32, scale: i32, dropped: i32, largest: u32,
  bias: u64, p0: u32, p1: u32, w: u32, shoup: u32, statistics: usize): i32 {
  const q = <u64>p0 * <u64>p1, half = (<u64>1) << (scale - 1), scaleMask = ((<u64>1) << scale) - 1, fieldMask = ((<u64>1) << field) - 1;
  let squares = load<f64>(statistics), worst = load<f64>(statistics + 8), over: i32 = 0;
  for (let i: usize = 0, end = <usize>n << 2; i < end; i += 4, sum += 8) {
    const mask = join(load<u32>(x0 + i), load<u32>(x1 + i), p0, p1, w, shoup);
    const v = ((load<u64>(sum) << dropped) + 2 * q - mask + half - bias) % q;
    let packed = v >> scale;
    const e = <f64>(<i64>(v & scaleMask) - <i64>half);
    squares += e * e;
    worst = max<f64>(worst, abs<f64>(e));
    for (let j: i32 = 0; j < k; j++, out += 4) {
      const part = <u32>(packed & fieldMask);
      store<u32>(out, part);
      over |= <i32>(part > largest);
      packed >>= field;
    }
    over |= <i32>(packed != 0);
  }
  store<f64>(statistics, squares);
  store<f64>(statistics + 8, worst);
  return over;
}

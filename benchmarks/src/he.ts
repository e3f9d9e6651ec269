/**
 * The secure sum in figures: bytes, times and memory of every scheme, beside slot-encoded CKKS and a memory copy measured
 * in the same run; exactness; corruptions. BENCH_FULL=1 runs 10^8 packed values, 10,000 corruptions per container and
 * 100,000 encryptions per scheme (about an hour on two cores); without it a fiftieth of each.
 */
import { randomBytes } from 'node:crypto';
import { HeError, Quantiser, schemes } from '@koinon/he';
import { corruptContainers } from './he-corruption.js';
import { Epoch, headerOf, median, randomValues } from './he-epoch.js';
import { measureMemory } from './he-memory.js';
import { openSlotCkks } from './he-slots.js';
import type { Figure } from './figure.js';

interface Options {
  readonly onProgress?: (line: string) => void;
  readonly full?: boolean;
}

const PARAMETERS = 16 * 16_384;
const REPETITIONS = 7;
const MEGABYTE = 1e6;
/** Megabytes a control keeps: without it a flat line would say nothing about the measurement. */
const PLANTED_LEAK = 50;

export async function run({ onProgress, full = process.env['BENCH_FULL'] === '1' }: Options = {}): Promise<Figure[]> {
  const parts: [string, () => Promise<Figure[]>][] = [
    ['quantiser', quantisation],
    ['bytes and encryption', encryption],
    ['ceremony, share, combine', decryption],
    ['aggregation', aggregation],
    ['memory of the sum', sumMemory],
    ['exactness', () => exactness(full ? 100_000_000 : 2_000_000)],
    ['corruptions', () => corruptions(full ? 10_000 : 200)],
    ['memory of encryption', () => encryptionMemory(full ? 100_000 : 2_000)],
  ];
  const figures: Figure[] = [];
  for (const [name, measure] of parts) {
    onProgress?.(name);
    figures.push(...(await measure()));
  }
  return figures;
}

/** A million values to integers and their sums back, against drawing the random words and against one multiplication each. */
async function quantisation(): Promise<Figure[]> {
  const count = 1_000_000;
  const quantiser = Quantiser.from({ bits: 16, range: 1 });
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const plain = new Float64Array(count);
  const [there, words, back, copied]: number[][] = [[], [], [], []];
  for (let repetition = 0; repetition <= 2 * REPETITIONS; repetition++) {
    const times = [performance.now()];
    const quantised = quantiser.quantise(values, randomBytes);
    times.push(performance.now());
    randomBytes(4 * count);
    times.push(performance.now());
    quantiser.dequantiseSum(quantised, 1);
    times.push(performance.now());
    for (let i = 0; i < count; i++) plain[i] = quantised[i]! * 0.5;
    times.push(performance.now());
    if (repetition > 0) [there, words, back, copied].forEach((samples, i) => samples!.push(times[i + 1]! - times[i]!));
  }
  const unit = 'ms for 1,000,000 values';
  return [
    {
      name: 'quantise, 16 bits',
      value: median(there!),
      unit,
      ratio: median(there!) / median(words!),
      yardstick: 'drawing the random words, same run',
      samples: there!,
    },
    {
      name: 'dequantise a sum',
      value: median(back!),
      unit,
      ratio: median(back!) / median(copied!),
      yardstick: 'one multiplication per value, same run',
      samples: back!,
    },
  ];
}

/** Bytes per parameter and encryption time, alternating with the yardstick. */
async function encryption(): Promise<Figure[]> {
  using slots = await openSlotCkks();
  const data = Float64Array.from({ length: PARAMETERS }, (_, i) => Math.sin(i) / 2);
  const figures: Figure[] = [];
  let slotBytes = 0;
  for (const scheme of schemes.names) {
    for (const bits of [16, 8] as const) {
      using epoch = await Epoch.open(scheme, 3, 2, { bits, sums: REPETITIONS + 1 });
      const values = randomValues(PARAMETERS, bits);
      const [ours, theirs]: [number[], number[]] = [[], []];
      let bytes = 0;
      for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
        const start = performance.now();
        bytes = 0;
        for (const block of epoch.sites[0]?.encrypt(repetition, values) ?? []) bytes += block.length;
        const middle = performance.now();
        slotBytes = slots.encrypt(data);
        // The first round warms up.
        if (repetition > 0) ours.push(middle - start);
        if (repetition > 0) theirs.push(performance.now() - middle);
      }
      const yardstick = 'CKKS over slots, N=8192 [60,40,40], same run';
      figures.push(
        {
          name: `${scheme}, ${bits} bits: upload`,
          value: bytes / PARAMETERS,
          unit: 'bytes per parameter',
          ratio: slotBytes / bytes,
          yardstick,
        },
        {
          name: `${scheme}, ${bits} bits: encryption`,
          value: PARAMETERS / median(ours) / 1e3,
          unit: 'million parameters per second',
          ratio: median(theirs) / median(ours),
          yardstick,
          samples: ours,
        },
      );
      if (scheme === schemes.names[0] && bits === 16) {
        figures.push(
          { name: 'slot CKKS: upload', value: slotBytes / PARAMETERS, unit: 'bytes per parameter' },
          {
            name: 'slot CKKS: encryption',
            value: PARAMETERS / median(theirs) / 1e3,
            unit: 'million parameters per second',
            samples: theirs,
          },
        );
      }
    }
  }
  return figures;
}

/** Everything else a round costs, five sites, three of them decrypt. */
async function decryption(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    const shares: number[] = [];
    const combines: number[] = [];
    const ceremonies: number[] = [];
    for (let repetition = 0; repetition <= 3; repetition++) {
      using epoch = await Epoch.open(scheme, 5, 3, { sums: 2 });
      const { shareMs, combineMs } = epoch.check(
        0,
        Array.from({ length: 5 }, () => randomValues(PARAMETERS, 16)),
      );
      if (repetition === 0) continue;
      ceremonies.push(epoch.ceremonyMsPerSite);
      shares.push(shareMs);
      combines.push(combineMs);
    }
    const layout = schemes.named(scheme).layout(headerOf(scheme, 5, 3));
    figures.push(
      {
        name: `${scheme}: key ceremony of five sites`,
        value: median(ceremonies),
        unit: 'ms per site',
        samples: ceremonies,
      },
      {
        name: `${scheme}: decryption share`,
        value: median(shares),
        unit: 'ms for 262,144 parameters',
        samples: shares,
      },
      { name: `${scheme}: combine`, value: median(combines), unit: 'ms for 262,144 parameters', samples: combines },
      {
        name: `${scheme}: size of a decryption share`,
        value: layout.decryptionShareBytes(1),
        unit: 'bytes for 1 block',
      },
      {
        name: `${scheme}: size of a decryption share`,
        value: layout.decryptionShareBytes(1000),
        unit: 'bytes for 1,000 blocks',
      },
    );
  }
  return figures;
}

/** Bytes added per second by one core, against copying bytes. */
async function aggregation(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    using epoch = await Epoch.open(scheme, 2, 2);
    const [block = new Uint8Array(0)] = [...(epoch.sites[0]?.encrypt(0, randomValues(100, 16)) ?? [])];
    const uploads = Array.from({ length: Math.ceil((64 * MEGABYTE) / block.length) }, () => block.slice());
    const total = uploads.length * block.length;
    const [source, target] = [new Uint8Array(total).fill(1), new Uint8Array(total)];
    const adder = epoch.aggregator.adder(epoch.header);
    const [adding, copying]: [number[], number[]] = [[], []];
    for (let repetition = 0; repetition <= 2 * REPETITIONS; repetition++) {
      const start = performance.now();
      for (const upload of uploads) adder.add(upload);
      const middle = performance.now();
      target.set(source);
      if (repetition > 0) adding.push(middle - start);
      if (repetition > 0) copying.push(performance.now() - middle);
      adder.finish();
    }
    const rate = (samples: readonly number[]): number => total / median(samples) / MEGABYTE;
    figures.push({
      name: `${scheme}: aggregation`,
      value: rate(adding),
      unit: 'GB per second and core',
      ratio: rate(adding) / rate(copying),
      yardstick: `memory copy, ${rate(copying).toFixed(2)} GB/s in the same run`,
      samples: adding,
    });
  }
  return figures;
}

/** Growth of a fresh process while one block index is summed over ever more uploads, and with uploads kept on purpose. */
async function sumMemory(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    for (const [uploads, keepMegabytes] of [
      [4, 0],
      [64, 0],
      [512, 0],
      [512, PLANTED_LEAK],
    ] as const) {
      const samples = await measureMemory({ scheme, task: 'add', count: uploads, keepMegabytes });
      const control = keepMegabytes > 0 ? ` (control: up to ${keepMegabytes} MB of them kept)` : '';
      figures.push({
        name: `${scheme}: memory added by a sum of ${uploads} uploads${control}`,
        value: Math.max(...samples) - (samples[0] ?? 0),
        unit: 'MB',
        samples,
      });
    }
  }
  return figures;
}

/** Opened sums against plain integer sums. */
async function exactness(packedValues: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    let [checked, wrong] = [0, 0];
    for (const cohort of [2, 5, 16, 64]) {
      const sites = mostSites(scheme, cohort);
      const sums = Math.ceil(packedValues / 4 / 2_000_000);
      using epoch = await Epoch.open(scheme, sites, Math.floor(sites / 2) + 1, { sums });
      for (let sum = 0; sum < sums; sum++) {
        const length = Math.ceil(packedValues / 4 / sums / sites);
        const vectors = Array.from({ length: sites }, (_, i) =>
          i % 8 === 7 ? new Uint32Array(length).fill(65_535) : randomValues(length, 16),
        );
        wrong += epoch.check(sum, vectors).wrong;
        checked += length * sites;
      }
    }
    figures.push({
      name: `${scheme}: wrong integer sums, cohorts of 2, 5, 16, 64`,
      value: wrong,
      unit: `of ${checked.toLocaleString('en')} packed values`,
    });
  }
  return figures;
}

/** At most `wanted`: a scheme may hold fewer uploads than a key epoch sites. */
function mostSites(scheme: string, wanted: number): number {
  const { layout } = schemes.named(scheme);
  for (let sites = wanted; ; sites--) {
    try {
      layout(headerOf(scheme, sites, Math.floor(sites / 2) + 1));
      return sites;
    } catch (error) {
      if (!(error instanceof HeError) || error.code !== 'NOISE_BUDGET_EXCEEDED') throw error;
    }
  }
}

async function corruptions(trials: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    for (const { container, refused, leftToSignature, uncoded } of await corruptContainers(scheme, trials)) {
      figures.push(
        {
          name: `${scheme}: corrupted ${container} refused with a code`,
          value: refused,
          unit: `of ${trials}; ${leftToSignature} well-formed, left to the signature`,
        },
        { name: `${scheme}: corrupted ${container} that failed without a code`, value: uncoded, unit: `of ${trials}` },
      );
    }
  }
  return figures;
}

/** Growth of a fresh process after the first tenth of the encryptions, and of one that keeps blocks on purpose. */
async function encryptionMemory(encryptions: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const scheme of schemes.names) {
    for (const keepMegabytes of [0, PLANTED_LEAK]) {
      // The control needs no more than to show that a leak of this size is seen.
      const count = keepMegabytes > 0 ? Math.min(encryptions, 20_000) : encryptions;
      const samples = await measureMemory({ scheme, task: 'encrypt', count, keepMegabytes });
      const [first = 0, last = 0] = [samples[0], samples.at(-1)];
      const control = keepMegabytes > 0 ? ` (control: ${keepMegabytes} MB of blocks kept)` : '';
      figures.push({
        name: `${scheme}: memory growth over ${count.toLocaleString('en')} encryptions${control}`,
        value: last - first,
        unit: 'MB after the first tenth',
        ratio: last / first,
        yardstick: 'resident memory after the first tenth',
        samples,
      });
    }
  }
  return figures;
}

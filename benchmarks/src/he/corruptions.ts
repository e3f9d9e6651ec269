import { randomInt } from 'node:crypto';
import {
  type CeremonyMessage,
  type KeyEpochHeader,
  HeError,
  type SumToDecrypt,
  confirmedTranscript,
  schemes,
} from '@koinon/he';
import type { Figure } from '../figure.js';
import { KeyEpoch } from './epoch.js';

interface CorruptionCount {
  readonly container: string;
  readonly refused: number;
  /** Accepted, but with other bytes than were signed: the signature over them is what refuses these. */
  readonly leftToSignature: number;
  /** Anything but a coded error. */
  readonly uncoded: number;
}

/** What readers make of corrupted containers: a coded error, or bytes that were not signed, never anything else. */
export async function corruptions(trials: number): Promise<Figure[]> {
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

/** Corrupts every kind of container `trials` times and feeds it to the code that reads it. */
async function corruptContainers(scheme: string, trials: number): Promise<CorruptionCount[]> {
  using epoch = await KeyEpoch.open(scheme, 2, 2, { sums: 1 });
  const { header, aggregator } = epoch;
  const [site, vectors] = [await schemes.named(scheme).site(), [Uint32Array.of(1), Uint32Array.of(2)]];
  const [adder, uploads] = [
    aggregator.adder(header),
    vectors.map((vector, i) => [...(epoch.sites[i]?.encrypt(0, vector) ?? [])]),
  ];
  const [upload = new Uint8Array(0)] = uploads[0] ?? [];
  for (const [block] of uploads) adder.add(block ?? new Uint8Array(0));
  const sumBlock = adder.finish();
  const sum: SumToDecrypt = { sumIndex: 0, uploaders: header.roster, decryptors: header.roster, blocks: [sumBlock] };
  const shares = new Map(
    header.roster.map((name, i) => [name, epoch.sites[i]?.decryptionShare(sum) ?? new Uint8Array(0)]),
  );
  const state = epoch.sites[0]?.save() ?? new Uint8Array(0);
  const readers: [string, Uint8Array, (bytes: Uint8Array) => void][] = [
    [
      'upload block',
      upload,
      (bytes) => {
        try {
          adder.add(bytes);
        } finally {
          try {
            adder.finish();
          } catch {
            /* A refused block leaves no sum; the next trial starts afresh. */
          }
        }
      },
    ],
    ['sum block', sumBlock, (bytes) => [...aggregator.combine(header, { ...sum, blocks: [bytes] }, shares)].length],
    [
      'decryption share',
      shares.get('site-1') ?? state,
      (bytes) => [...aggregator.combine(header, sum, new Map([...shares, ['site-1', bytes]]))].length,
    ],
    ['site state', state, (bytes) => site.restore(header, 'site-1', bytes)[Symbol.dispose]()],
    ...(await ceremonyReaders(scheme, header)),
  ];
  return readers.map(([container, good, read]) => count(container, good, read, trials));
}

/** Every message of site-1, read by site-2 in the step that follows. */
async function ceremonyReaders(
  scheme: string,
  header: KeyEpochHeader,
): Promise<[string, Uint8Array, (bytes: Uint8Array) => void][]> {
  const { dkgSteps } = schemes.named(scheme);
  const site = await schemes.named(scheme).site();
  const sites = header.roster.map((name) => site.begin(header, name));
  const messages: CeremonyMessage[] = [];
  const readers: [string, Uint8Array, (bytes: Uint8Array) => void][] = [];
  for (const [at, step] of dkgSteps.entries()) {
    const inboxes = header.roster.map((name) => messages.filter(({ to }) => to === undefined || to === name));
    const stored = sites[1]?.save() ?? new Uint8Array(0);
    const earlier = dkgSteps[at - 1];
    for (const message of messages.filter(
      ({ from, to, step: posted }) => from === 'site-1' && posted === earlier && (to === undefined || to === 'site-2'),
    )) {
      const inbox = inboxes[1] ?? [];
      let reader = site.restore(header, 'site-2', stored);
      readers.push([
        `${message.step}${message.to === undefined ? '' : ' to one site'}`,
        message.body,
        (body) => {
          reader.runDkgStep(
            step,
            inbox.map((other) => (other === message ? { ...message, body } : other)),
          );
          reader[Symbol.dispose]();
          reader = site.restore(header, 'site-2', stored);
        },
      ]);
    }
    messages.push(...sites.flatMap((one, i) => one.runDkgStep(step, inboxes[i] ?? [])));
  }
  const confirms = messages.filter(({ step }) => step === 'confirm');
  readers.push([
    'confirm',
    confirms[0]?.body ?? new Uint8Array(0),
    (body) =>
      confirmedTranscript(
        header,
        confirms.map((message, i) => (i === 0 ? { ...message, body } : message)),
      ),
  ]);
  return readers;
}

function count(
  container: string,
  good: Uint8Array,
  read: (bytes: Uint8Array) => void,
  trials: number,
): CorruptionCount {
  let [refused, leftToSignature, uncoded] = [0, 0, 0];
  for (let trial = 0; trial < trials; trial++) {
    try {
      read(corrupt(good));
      leftToSignature++;
    } catch (error) {
      if (error instanceof HeError) refused++;
      else uncoded++;
    }
  }
  return { container, refused, leftToSignature, uncoded };
}

/** Truncated, one bit flipped in the first 16 bytes or anywhere, extended, or random bytes. */
function corrupt(good: Uint8Array): Uint8Array {
  const flip = (limit: number): Uint8Array => {
    const bad = good.slice();
    const at = randomInt(limit);
    bad[at] = (bad[at] ?? 0) ^ (1 << randomInt(8));
    return bad;
  };
  const extended = (): Uint8Array => {
    const bad = new Uint8Array(good.length + 1 + randomInt(64));
    bad.set(good);
    return bad;
  };
  const noise = (): Uint8Array => Uint8Array.from({ length: randomInt(512) }, () => randomInt(256));
  const kinds = [() => good.slice(0, randomInt(good.length)), () => flip(16), () => flip(good.length), extended, noise];
  return (kinds[randomInt(kinds.length)] ?? noise)();
}

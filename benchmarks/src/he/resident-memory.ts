/**
 * Resident memory of one task in a process of its own: a process that was large before hides a leak in memory it already
 * holds. Every task can be told to leak on purpose, which shows that the measurement would have seen it.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { KeyEpoch, randomValues } from './epoch.js';

export interface MemoryTask {
  readonly scheme: string;
  /** Encrypt so many blocks, or add so many uploads of one block. */
  readonly task: 'encrypt' | 'add';
  readonly count: number;
  /** Megabytes of blocks to keep, spread over the task: a leak on purpose. */
  readonly keepMegabytes: number;
}

const BLOCKS_PER_SUM = 25;
const SUMS_PER_EPOCH = 16;
const SAMPLES = 10;

/** Resident megabytes at up to ten equal distances through the task. */
export function measureMemory(task: MemoryTask): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(task)]);
    let samples: number[] | undefined;
    child.on('message', (message) => {
      samples = message as number[];
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      samples ? resolve(samples) : reject(new Error(`the memory task ended with code ${code}`)),
    );
  });
}

async function perform({ scheme, task, count, keepMegabytes }: MemoryTask): Promise<number[]> {
  const kept: Uint8Array[] = [];
  const samples: number[] = [];
  let done = 0;
  let keepEvery = 0;
  const account = (block: Uint8Array): void => {
    done++;
    if (keepEvery > 0 && done % keepEvery === 0) kept.push(block.slice());
    if (done % Math.max(1, Math.floor(count / SAMPLES)) === 0 && samples.length < SAMPLES)
      samples.push(process.memoryUsage().rss / 1e6);
  };
  const open = async () => KeyEpoch.open(scheme, 2, 2, { sums: SUMS_PER_EPOCH });
  using first = await open();
  const { uploadBlockBytes, valuesPerBlock } = first.sites[0]!.layout;
  if (keepMegabytes > 0) keepEvery = Math.max(1, Math.floor((count * uploadBlockBytes) / (keepMegabytes * 1e6)));
  if (task === 'encrypt') {
    const values = randomValues(valuesPerBlock * BLOCKS_PER_SUM, 16);
    const sums = Math.ceil(count / BLOCKS_PER_SUM);
    for (let from = 0; from < sums; from += SUMS_PER_EPOCH) {
      using epoch = await open();
      for (let sum = 0; sum < Math.min(SUMS_PER_EPOCH, sums - from); sum++)
        for (const block of epoch.sites[0]!.encrypt(sum, values)) account(block);
    }
  } else {
    const [block] = [...first.sites[0]!.encrypt(0, randomValues(100, 16))];
    const adder = first.aggregator.adder(first.header);
    for (let upload = 0; upload < count; upload++) {
      adder.add(block!);
      account(block!);
    }
    adder.finish();
  }
  if (keepEvery > 0 && kept.length === 0) throw new Error('the planted leak kept nothing');
  return samples;
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.send(await perform(JSON.parse(process.argv[2] ?? '') as MemoryTask));
  process.disconnect();
}

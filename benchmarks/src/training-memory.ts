/** What one run of a training graph takes in memory, against the upper estimate that the graph states. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TrainingOptions } from '@koinon/autodiff';
import type { Figure } from './figure.js';
import { networks, type Network } from './training-models.js';

interface MemoryCase {
  name: string;
  network: Network;
  options: Pick<TrainingOptions, 'optimizer' | 'clipping' | 'localSteps' | 'batch'>;
}

/** Sixty megabytes of parameters, so that they outweigh all else. */
const wide: Network = {
  name: 'MLP 3136-4096-512-10',
  record: [3136],
  dense: [4096, 512, 10],
  channels: [],
  loss: 'cross-entropy',
};
const convolutional = networks.at(-1)!;

export const memoryCases: MemoryCase[] = [
  { name: 'SGD', network: wide, options: { optimizer: { kind: 'sgd' }, batch: 32 } },
  { name: 'SGD, 8 steps', network: wide, options: { optimizer: { kind: 'sgd' }, batch: 32, localSteps: 8 } },
  { name: 'Adam', network: wide, options: { optimizer: { kind: 'adam' }, batch: 32 } },
  { name: 'Adam, 8 steps', network: wide, options: { optimizer: { kind: 'adam' }, batch: 32, localSteps: 8 } },
  { name: 'clipped gradient', network: wide, options: { optimizer: { kind: 'none' }, batch: 32, clipping: {} } },
  {
    name: 'clipped SGD with noise, 4 steps',
    network: wide,
    options: { optimizer: { kind: 'sgd', momentum: 0.9 }, batch: 32, clipping: { noise: true }, localSteps: 4 },
  },
  {
    name: 'clipped gradient in pieces',
    network: wide,
    options: { optimizer: { kind: 'none' }, batch: 32, clipping: { microbatch: 8 } },
  },
  {
    name: 'clipped convolutions',
    network: convolutional,
    options: { optimizer: { kind: 'none' }, batch: 256, clipping: {} },
  },
  { name: 'convolutions, Adam', network: convolutional, options: { optimizer: { kind: 'adam' }, batch: 1024 } },
];

export async function memoryFigures(onProgress: (line: string) => void): Promise<Figure[]> {
  if (process.platform !== 'linux') {
    onProgress('memory: not measured, only Linux tells a process its peak');
    return [];
  }
  const child = fileURLToPath(new URL('training-memory.child.js', import.meta.url));
  const figures: Figure[] = [];
  for (const { name, network } of memoryCases) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, name]);
    const { peakBytes, statedBytes } = JSON.parse(stdout) as { peakBytes: number; statedBytes: number };
    figures.push({
      name: `memory of a run, ${network.name}, ${name}, against stated`,
      value: peakBytes,
      unit: 'bytes',
      ratio: peakBytes / statedBytes,
      yardstick: statedBytes,
    });
    onProgress(
      `memory, ${network.name}, ${name}: ${(peakBytes / 1e6).toFixed(0)} of ${(statedBytes / 1e6).toFixed(0)} MB stated`,
    );
  }
  return figures;
}

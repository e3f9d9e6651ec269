import { schemes } from '@koinon/he';
import type { Figure } from '../figure.js';
import { measureMemory } from './resident-memory.js';

/** Megabytes a control keeps: without it a flat line would say nothing about the measurement. */
const PLANTED_LEAK = 50;

/** Growth of a fresh process while one block index is summed over ever more uploads, and with uploads kept on purpose. */
export async function sumMemory(): Promise<Figure[]> {
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

/** Growth of a fresh process after the first tenth of the encryptions, and of one that keeps blocks on purpose. */
export async function encryptionMemory(encryptions: number): Promise<Figure[]> {
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

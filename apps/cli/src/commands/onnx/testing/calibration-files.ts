import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '@koinon/onnx';
import { tempDir } from '@koinon/testing';
import { calibrationBatches } from '../calibration-data.js';
import { irregular } from './models.js';

/** Twenty images of 8 × 8, one after the other. */
export const images = irregular(20 * 64).map((value) => 4 * value);

/** The first of them, each a row. */
export function rows(count: number): number[][] {
  return Array.from({ length: count }, (_, row) => images.slice(64 * row, 64 * (row + 1)));
}

/** Rows of four numbers, as JSON. */
export const fours = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, row) => irregular(4, row / 7)));

export function npy(descr: string, shape: string, data: Uint8Array): Uint8Array {
  const header = new TextEncoder().encode(`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`);
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0, ...header, ...data]);
}

/** What a file of this name and content gives a model. */
export async function batchesOf(name: string, content: Uint8Array | string, model: Model) {
  using folder = tempDir();
  writeFileSync(join(folder.path, name), content);
  return await calibrationBatches(join(folder.path, name), model);
}

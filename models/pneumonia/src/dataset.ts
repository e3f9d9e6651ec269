import { readFileSync } from 'node:fs';
import { arrayOf, readNpz, type NumpyArray } from '@koinon/numpy';
import { datasetFile } from './files.js';

/** Grey values per radiograph. */
export const PIXELS = 28 * 28;

/** Radiographs with their labels. */
export interface Radiographs {
  /** Grey values 0 to 255, [count, 28, 28], row by row from the top left. */
  readonly images: Uint8Array;
  /** 1 pneumonia, 0 normal. */
  readonly labels: Uint8Array;
  readonly count: number;
}

export interface Dataset {
  readonly train: Radiographs;
  readonly validation: Radiographs;
  readonly test: Radiographs;
}

/** The data is not what its provenance says. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
  readonly code = 'DATASET_INVALID';
}

/**
 * PneumoniaMNIST's three splits as published, in the order of the file.
 * @throws DatasetError, NumpyError
 */
export function readDataset(file = datasetFile): Dataset {
  const arrays = readNpz(readFileSync(file));
  const split = (name: string): Radiographs =>
    radiographs(arrayOf(arrays, `${name}_images`), arrayOf(arrays, `${name}_labels`), name);
  return { train: split('train'), validation: split('val'), test: split('test') };
}

function radiographs(images: NumpyArray, labels: NumpyArray, split: string): Radiographs {
  const [count = 0, ...size] = images.dims;
  if (!(images.data instanceof Uint8Array) || size.join() !== '28,28')
    throw new DatasetError(`${split}: images are not bytes of 28 × 28`);
  if (!(labels.data instanceof Uint8Array) || labels.data.length !== count)
    throw new DatasetError(`${split}: there is not one label per image`);
  if (labels.data.some((label) => label > 1)) throw new DatasetError(`${split}: a label is neither 0 nor 1`);
  return { images: images.data, labels: labels.data, count };
}

/** The chosen radiographs, in the order of `rows`. */
export function select({ images, labels }: Radiographs, rows: readonly number[]): Radiographs {
  const chosen = new Uint8Array(rows.length * PIXELS);
  rows.forEach((row, index) => chosen.set(images.subarray(row * PIXELS, (row + 1) * PIXELS), index * PIXELS));
  return { images: chosen, labels: Uint8Array.from(rows, (row) => labels[row]!), count: rows.length };
}

/** Those radiographs whose pixels occur nowhere in `others`; the published splits share a few. */
export function without(radiographs: Radiographs, others: Radiographs): Radiographs {
  const key = ({ images }: Radiographs, row: number): string =>
    Buffer.from(images.buffer, images.byteOffset + row * PIXELS, PIXELS).toString('latin1');
  const known = new Set(Array.from({ length: others.count }, (_, row) => key(others, row)));
  return select(
    radiographs,
    Array.from({ length: radiographs.count }, (_, row) => row).filter((row) => !known.has(key(radiographs, row))),
  );
}

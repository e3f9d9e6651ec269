import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from '@koinon/onnx';
import { describe, expect, it } from 'vitest';
import { calibrationBatches } from './calibration-data.js';
import { batchesOf, fours, images, npy, rows } from './testing/calibration-files.js';
import { classifier, irregular, twoInputs } from './testing/models.js';

/** Arrays grey (2, 3) uint8, weights (4,) float32, labels (2, 1) int64 and a scalar, written by Python's own ZIP writer. */
const archive = readFileSync(new URL('../../../../../libs/numpy/kat/deflated.npz', import.meta.url));

describe('calibrationBatches', () => {
  it('reads the same rows from .npy and JSON, whatever the number type', async () => {
    const [one, two] = [
      Array.from({ length: 64 }, (_, index) => index),
      Array.from({ length: 64 }, (_, index) => 255 - index),
    ];
    const fromBytes = await batchesOf(
      'rows.npy',
      npy('|u1', '(2, 1, 8, 8)', Uint8Array.from([...one, ...two])),
      classifier(),
    );
    expect(fromBytes.map(({ image }) => image)).toEqual(
      [one, two].map((row) => ({ name: 'image', type: 'float32', dims: [1, 1, 8, 8], data: Float32Array.from(row) })),
    );
    expect(await batchesOf('rows.json', JSON.stringify([one, two]), classifier())).toEqual(fromBytes);
    expect(await batchesOf('rows.json', JSON.stringify({ image: [one, two] }), classifier())).toEqual(fromBytes);
  });

  it('takes the arrays of an archive by the names of the inputs', async () => {
    const batches = await batchesOf('rows.npz', archive, twoInputs());
    expect(batches.map(({ grey, labels }) => [grey?.data, labels?.data])).toEqual([
      [Float32Array.of(0, 1, 2), Float32Array.of(-1)],
      [Float32Array.of(253, 254, 255), Float32Array.of(2 ** 40)],
    ]);
  });

  it('fills the batch that a model fixes and leaves the rest out', async () => {
    const model = classifier();
    const fixed = {
      ...model,
      graph: { ...model.graph, inputs: [{ name: 'image', type: 'float32' as const, dims: [8, 1, 8, 8] }] },
    };
    const batches = await batchesOf('rows.json', JSON.stringify(rows(20)), fixed);
    expect(batches.map(({ image }) => image?.dims)).toEqual([
      [8, 1, 8, 8],
      [8, 1, 8, 8],
    ]);
    expect(batches[1]?.['image']?.data).toEqual(Float32Array.from(images.slice(8 * 64, 16 * 64)));
  });

  it.each<[string, string, string | Uint8Array, string]>([
    ['rows of another width', 'rows.json', '[[1, 2], [3, 4]]', 'takes rows of [1, 8, 8], the file has rows of [2]'],
    [
      'rows of other sides',
      'rows.json',
      JSON.stringify([Array.from({ length: 4 }, () => irregular(16))]),
      'the file has rows of [4, 16]',
    ],
    [
      'lists in lists in lists …',
      'rows.json',
      `${'['.repeat(200_000)}${']'.repeat(200_000)}`,
      'nest deeper than 16 levels',
    ],
    ['ragged rows', 'rows.json', '[[1, 2], [3]]', 'lists of equal length'],
    ['words', 'rows.json', '[["a"]]', 'are not numbers'],
    [
      'a number beyond float32',
      'rows.json',
      JSON.stringify([Array.from({ length: 64 }, () => 1e300)]),
      'a value is not finite',
    ],
    ['a lone number', 'rows.json', '7', 'neither a list of rows nor an object'],
    ['no JSON', 'rows.csv', '1,2,3', 'neither .npy, .npz nor JSON'],
    ['an archive without the input', 'rows.npz', archive, 'has no array of this name'],
  ])('refuses %s', async (_, name, content, message) => {
    await expect(batchesOf(name, content, classifier())).rejects.toMatchObject({
      code: 'CALIBRATION_INVALID',
      message: expect.stringContaining(message) as string,
    });
  });

  it('says what to do about inputs that are not float32', async () => {
    const graph = new GraphBuilder('tokens');
    graph.output(graph.op('Identity', [graph.input('ids', 'int64', ['N', 4])], {}, 'y'));
    await expect(batchesOf('rows.json', fours(4), graph.model())).rejects.toMatchObject({
      code: 'CALIBRATION_INVALID',
      message: expect.stringMatching(
        /^input "ids" takes int64; .* export the part of the model behind its Cast or embedding/,
      ) as string,
    });
  });

  it('refuses a damaged array with the reader’s code, and a file that is not there', async () => {
    await expect(batchesOf('rows.npy', npy('<f4', '(2,)', new Uint8Array(3)), classifier())).rejects.toMatchObject({
      code: 'NUMPY_MALFORMED',
    });
    await expect(calibrationBatches(join(import.meta.dirname, 'absent.npy'), classifier())).rejects.toMatchObject({
      code: 'CALIBRATION_INVALID',
    });
  });
});

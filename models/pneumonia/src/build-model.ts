/** Writes `generated/model.onnx` and `generated/split.json`. Same data, same bytes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeModel } from '@koinon/onnx';
import { readDataset } from './dataset.js';
import { modelFile, splitFile } from './files.js';
import { compactCnn } from './networks/cnn.js';
import { siteRows } from './sites.js';

/** Every site of a federation starts from the same weights. */
const INITIAL_SEED = 1;

mkdirSync(dirname(modelFile), { recursive: true });
writeFileSync(modelFile, encodeModel(compactCnn(INITIAL_SEED).model));
const centres: Record<string, { train_rows: readonly number[]; test_rows: readonly number[] }> = {};
for (const [id, { train, test }] of Object.entries(siteRows(readDataset())))
  centres[id] = { train_rows: train, test_rows: test };
writeFileSync(splitFile, `${JSON.stringify({ centres })}\n`);

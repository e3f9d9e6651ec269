import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeModel, GraphBuilder } from '@koinon/onnx';
import type { LoadedModelSpec } from '../index.js';

export const FEATURE_COUNT = 13;
const weights = Array.from({ length: FEATURE_COUNT }, (_, index) => (index - 6) / 10);

/** probability = σ(features · weights + bias): the shape of the heart-disease model, for specs. */
function linearModel(bias: number): Uint8Array {
  const build = new GraphBuilder('linear');
  build.input('features', 'float32', ['batch', FEATURE_COUNT]);
  build.initializer('weights', 'float32', [FEATURE_COUNT, 1], weights);
  build.initializer('bias', 'float32', [1], [bias]);
  const logit = build.op('Add', [build.op('MatMul', ['features', 'weights']), 'bias']);
  build.op('Sigmoid', [logit], {}, 'probability');
  build.output('probability', 'float32', ['batch', 1]);
  return encodeModel(build.model());
}

/** What the model must answer for one row, computed without ONNX. */
export function linearAnswer(bias: number, row: readonly number[]): number {
  const logit = row.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), bias);
  return 1 / (1 + Math.exp(-logit));
}

export async function writeModel(
  folder: string,
  file: string,
  bytes: Uint8Array,
): Promise<{ file: string; sha256: string }> {
  const path = join(folder, file);
  await writeFile(path, bytes);
  return { file: path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Writes a version whose bias is its number, so that an answer shows which version gave it. */
export async function writeLinearModel(folder: string, version: number): Promise<LoadedModelSpec> {
  const written = await writeModel(folder, `linear-${version}.onnx`, linearModel(version));
  return { name: 'heart-disease', version: String(version), ...written };
}

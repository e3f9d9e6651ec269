import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkModel } from './check.js';
import { decodeModel } from './codec.js';
import { OnnxError } from './error.js';
import { externalDataIn } from './external-data.js';
import type { Model } from './ir.js';
import { defaultLimits } from './limits.js';
import type { ModelLimits } from './limits.js';

/**
 * Reads and checks a model file. Tensors kept in other files are read from the folder of the model and from
 * nowhere else; the result holds all data, so that `encodeModel` makes one self-contained file of it.
 * @throws OnnxError as `checkModel`, ONNX_EXTERNAL_DATA and ONNX_EXTERNAL_DATA_ESCAPES; the file system's own
 * error when `path` cannot be opened
 */
export async function readModel(path: string, limits: Partial<ModelLimits> = {}): Promise<Model> {
  const { maxBytes } = { ...defaultLimits, ...limits };
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  if (size > maxBytes)
    throw new OnnxError('ONNX_TOO_LARGE', 'model', `${size} bytes are more than the limit of ${maxBytes}`);
  const bytes = await file.readFile();
  return checkModel(decodeModel(bytes, externalDataIn(dirname(path), maxBytes)), limits);
}

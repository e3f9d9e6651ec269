import { dirname } from 'node:path';
import { OnnxError, checkModel, decodeModel, defaultLimits, externalDataIn, type Model } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';
import { readRegularFile } from './regular-file.js';

const { maxBytes } = defaultLimits;

const refusals = {
  unreadable: () =>
    new OnnxCommandError('MODEL_FILE_UNREADABLE', 'the model file cannot be read; check its name and your access'),
  tooLarge: (bytes: number) =>
    new OnnxError('ONNX_TOO_LARGE', 'model', `${bytes} bytes are more than the limit of ${maxBytes}`),
};

/** What is in a model file, unchecked. @throws OnnxError, OnnxCommandError MODEL_FILE_UNREADABLE */
export async function decodeModelFile(file: string): Promise<{ bytes: number; model: Model }> {
  const bytes = await readRegularFile(file, maxBytes, refusals);
  return { bytes: bytes.length, model: decodeModel(bytes, externalDataIn(dirname(file), maxBytes)) };
}

/** The model in a file, checked. @throws OnnxError, OnnxCommandError MODEL_FILE_UNREADABLE */
export async function loadModel(file: string): Promise<Model> {
  const { model } = await decodeModelFile(file);
  return checkModel(model, { openDims: 'any' });
}

import { writeFile } from 'node:fs/promises';
import { OnnxError, readModel, type Model } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';

/** The model in a file, checked. @throws OnnxError, OnnxCommandError MODEL_FILE_UNREADABLE */
export async function openModel(file: string): Promise<Model> {
  try {
    return await readModel(file, { openDims: 'any' });
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    throw unreadable();
  }
}

export const unreadable = (): OnnxCommandError => new OnnxCommandError('MODEL_FILE_UNREADABLE', 'the model file cannot be read; check its name and your access');

/** @throws OnnxCommandError OUTPUT_FILE_UNWRITABLE */
export async function writeOutput(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(file, bytes);
  } catch {
    throw new OnnxCommandError('OUTPUT_FILE_UNWRITABLE', 'the output file cannot be written; check that its folder exists and is yours');
  }
}

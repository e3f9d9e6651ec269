import { AutodiffError } from '@koinon/autodiff';
import { NumpyError } from '@koinon/numpy';
import { OnnxError } from '@koinon/onnx';

export type OnnxCommandErrorCode = 'MODEL_FILE_UNREADABLE' | 'OUTPUT_FILE_UNWRITABLE' | 'LOGITS_UNKNOWN' | 'CALIBRATION_INVALID' | 'NOTHING_TO_CHECK';

/** What a command on a model file cannot do, and what to change. */
export class OnnxCommandError extends Error {
  override readonly name = 'OnnxCommandError';

  constructor(readonly code: OnnxCommandErrorCode, message: string) {
    super(message);
  }
}

const expectedFailure = 2;

/** Runs a command; refusals of the libraries below become one line with their code and exit status 2. */
export function reported<Args extends unknown[]>(command: (...args: Args) => Promise<void>): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await command(...args);
    } catch (error) {
      const isExpected = error instanceof OnnxCommandError || error instanceof OnnxError || error instanceof AutodiffError || error instanceof NumpyError;
      if (!isExpected) throw error;
      process.stderr.write(`koinon: ${error.code}: ${error.message}\n`);
      process.exitCode = expectedFailure;
    }
  };
}

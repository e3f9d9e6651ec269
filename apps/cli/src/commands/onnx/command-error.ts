import { AutodiffError } from '@koinon/autodiff';
import { NumpyError } from '@koinon/numpy';
import { OnnxError, printable } from '@koinon/onnx';
import { CommanderError } from 'commander';

export type OnnxCommandErrorCode =
  | 'MODEL_FILE_UNREADABLE'
  | 'OUTPUT_FILE_UNWRITABLE'
  | 'MODEL_OUTPUT_UNKNOWN'
  | 'LOSS_CONTRADICTS_MODEL'
  | 'DIMENSION_UNKNOWN'
  | 'BATCH_TOO_LARGE'
  | 'MICROBATCH_WITHOUT_CLIP'
  | 'CALIBRATION_INVALID'
  | 'NOTHING_TO_CHECK';

/** What a command on a model file cannot do, and what to change. */
export class OnnxCommandError extends Error {
  override readonly name = 'OnnxCommandError';

  constructor(
    readonly code: OnnxCommandErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const EXPECTED_FAILURE = 2;
const MOST_IN_LINE = 1000;

/** Misuse ends as every other refusal does: 1 says that a check has found something. */
export function misused({ exitCode, code, message }: CommanderError): never {
  throw new CommanderError(exitCode === 0 ? 0 : EXPECTED_FAILURE, code, message);
}

/** Runs a command; refusals of the libraries below become one line with their code and exit status 2. */
export function reported<Args extends unknown[]>(
  command: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await command(...args);
    } catch (error) {
      const isExpected =
        error instanceof OnnxCommandError ||
        error instanceof OnnxError ||
        error instanceof AutodiffError ||
        error instanceof NumpyError;
      if (!isExpected) throw error;
      process.stderr.write(`koinon: ${error.code}: ${printable(error.message, MOST_IN_LINE)}\n`);
      process.exitCode = EXPECTED_FAILURE;
    }
  };
}

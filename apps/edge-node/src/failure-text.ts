import { AutodiffError } from '@koinon/autodiff';
import { CodedError } from '@koinon/contracts';
import { HeError } from '@koinon/he';
import { OnnxError } from '@koinon/onnx';
import { SessionError } from '@koinon/onnx-runtime';
import { PrivacyError } from '@koinon/privacy';
import { DataError } from '@koinon/records';
import { RuntimeError } from '@koinon/inference';
import { TrainingError } from '@koinon/local-training';

/** What nobody expected in the agent thread, in the words that `failureText` chose there. */
export class AgentFailure extends Error {
  override readonly name = 'AgentFailure';
}

/** Our own errors, whose messages are written for a log. By class: an engine or a library may use the same name. */
const own = [
  AgentFailure,
  AutodiffError,
  CodedError,
  DataError,
  HeError,
  OnnxError,
  PrivacyError,
  RuntimeError,
  SessionError,
  TrainingError,
];

/**
 * What a log may hold of a failure: the message of our own errors and of the operating system's; of any other, whose text may
 * quote what an engine or a library was given and so a record, its kind and where it arose.
 */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return 'a thrown value that is no error';
  if (own.some((kind) => error instanceof kind) || isSystemError(error)) return error.message;
  const { name, message, stack = '' } = error;
  const from = stack.indexOf(message);
  const frames =
    from < 0
      ? []
      : stack
          .slice(from + message.length)
          .split('\n')
          .filter((line) => line.startsWith('    at '));
  return [name, ...frames.slice(0, 4).map((frame) => frame.trim())].join(' ');
}

/** A call that the operating system refused: Node words it of the code, the call and the path. */
function isSystemError(error: Error): boolean {
  const { errno, syscall } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' && typeof syscall === 'string';
}

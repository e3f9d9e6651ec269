/** Stable codes of everything that can be wrong with a model file or a graph. */
export type OnnxErrorCode =
  | 'ONNX_MALFORMED'
  | 'ONNX_TOO_LARGE'
  | 'ONNX_TOO_DEEP'
  | 'ONNX_UNSUPPORTED_TYPE'
  | 'ONNX_UNSUPPORTED_VERSION'
  | 'ONNX_UNKNOWN_OPSET'
  | 'ONNX_SIZE_MISMATCH'
  | 'ONNX_EXTERNAL_DATA'
  | 'ONNX_EXTERNAL_DATA_ESCAPES'
  | 'ONNX_DUPLICATE_NAME'
  | 'ONNX_MISSING_NAME'
  | 'ONNX_DANGLING'
  | 'ONNX_CYCLIC'
  | 'ONNX_UNSORTED'
  | 'ONNX_NON_FINITE'
  | 'ONNX_OPEN_SHAPE'
  | 'ONNX_RUNTIME'
  | 'ONNX_NO_SUCH_INITIALIZER'
  | 'ONNX_CALIBRATION';

/** A refusal with a stable code and the place in the model, for example `node "conv1" (Conv)`. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError';

  constructor(
    readonly code: OnnxErrorCode,
    readonly place: string,
    problem: string,
  ) {
    super(`${place}: ${problem}`);
  }
}

/** Control characters, and those that hide, reorder or break the text around them (zero width, bidirectional, separators, halves of a pair). */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Untrusted text for a terminal or a log: cut at `most` characters, and what would act on its surroundings written as `\u{1b}`. */
export function printable(text: string, most = 80): string {
  return escaped(cut(text, most));
}

/** An untrusted name for an error's place: printable, and in quotes that it cannot close. */
export function quoted(name: string): string {
  return `"${escaped(cut(name, 80).replace(/["\\]/g, '\\$&'))}"`;
}

// Before the escaping: a name may be megabytes long and stand in a place that is named a thousand times.
const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const escaped = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);

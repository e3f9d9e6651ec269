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

  constructor(readonly code: OnnxErrorCode, readonly place: string, problem: string) {
    super(`${place}: ${problem}`);
  }
}

/** Names come from untrusted files: quoted, control characters escaped, cut at 80 characters. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 79)}…` : name);
}

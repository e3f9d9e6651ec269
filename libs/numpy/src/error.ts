export type NumpyErrorCode =
  | 'NUMPY_MALFORMED'
  | 'NUMPY_UNSUPPORTED'
  | 'NUMPY_TOO_LARGE'
  | 'NUMPY_CHECKSUM'
  | 'NUMPY_NO_SUCH_ARRAY';

/** The file cannot be read as arrays; the message names the part of the file at fault, never a value. */
export class NumpyError extends Error {
  override readonly name = 'NumpyError';

  constructor(
    readonly code: NumpyErrorCode,
    place: string,
    problem: string,
  ) {
    super(`${place}: ${problem}`);
  }
}

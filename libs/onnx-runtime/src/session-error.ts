export type SessionErrorCode = 'SESSION_MODEL_REFUSED' | 'SESSION_RUN_FAILED';

/**
 * The runtime refuses a model or a run. The message is public: it may name an operator and a version, both words of the model
 * file, and never holds a value, a path or any other text of the runtime, which quotes both.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError';

  constructor(
    readonly code: SessionErrorCode,
    reason: string,
    /** The node that refused, as the model file names it; untrusted. */
    readonly node?: { readonly name: string; readonly op: string },
  ) {
    super(reason);
  }
}

const op = String.raw`(?<op>\w{1,64})`;
const NO_REASON = 'the runtime gives no reason that may be repeated';

/** What a text of the runtime says in words that may be repeated; the first that fits. */
const reasons: Readonly<
  Record<
    SessionErrorCode,
    readonly (readonly [text: RegExp, reason: (words: Partial<Record<string, string>>) => string])[]
  >
> = {
  SESSION_MODEL_REFUSED: [
    [/protobuf parsing failed/i, () => 'it is not an ONNX file'],
    [
      /^(?:Unsupported model IR version|Unknown model file format version)/,
      () => 'its IR version is newer than the runtime knows',
    ],
    [/^ONNX Runtime only \*guarantees\* support/, () => 'its opset is newer than the runtime knows'],
    [
      new RegExp(`No Op registered for ${op} with domain_version of (?<opset>\\d{1,3})`),
      ({ op: name, opset }) => `it has no operator ${name} in opset ${opset}`,
    ],
    [new RegExp(`${op}\\(-?\\d+\\) is not a registered function/op`), ({ op: name }) => `it has no operator ${name}`],
    [
      new RegExp(`Could not find an implementation for ${op}\\(`),
      ({ op: name }) => `the runtime has no ${name} for these element types`,
    ],
    [
      new RegExp(`Type Error: .*(?:Optype|operator) \\(${op}\\)`),
      ({ op: name }) => `operands of a ${name} have the wrong element types`,
    ],
    [
      new RegExp(`Op \\(${op}\\) \\[(?:Shape|Type)InferenceError\\]`),
      ({ op: name }) => `operands of a ${name} do not fit together`,
    ],
    [/Failed to allocate memory|bad_alloc/, () => 'there is not enough memory for it'],
  ],
  // Anchored: what follows the beginning may hold values.
  SESSION_RUN_FAILED: [
    [
      new RegExp(
        `^Non-zero status code returned while running ${op} node\\. Name:'(?<name>[^']*)' Status Message: \\S+ void\\* onnxruntime::BFCArena`,
      ),
      ({ op: name }) => `there is not enough memory for a result of ${name}`,
    ],
    [
      new RegExp(`^Non-zero status code returned while running ${op} node\\. Name:'(?<name>[^']*)'`),
      ({ op: name }) => `an operand of ${name} has a value or shape that it does not take`,
    ],
    [
      /^(?:Invalid rank for input|Got invalid dimensions for input|Unexpected input data type|Missing Input|input '[^']*' is missing in 'feeds')/,
      () => 'an input is missing or has another element type or shape than the model declares',
    ],
  ],
};

export function refusalOf(code: SessionErrorCode, error: unknown): SessionError {
  const text = error instanceof Error ? error.message : '';
  for (const [pattern, reason] of reasons[code]) {
    const found = pattern.exec(text);
    if (!found) continue;
    const { op: operator, name } = found.groups ?? {};
    return new SessionError(
      code,
      reason(found.groups ?? {}),
      operator === undefined || name === undefined ? undefined : { op: operator, name },
    );
  }
  return new SessionError(code, NO_REASON);
}

import type { Tensor } from './datatypes.js';
import { RuntimeError } from './runtime-error.js';
import type { TensorSignature } from './signature.js';

/** Known answers that a session must give, within `tolerance` per element, before it may serve. */
export interface GoldenVector {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly tolerance: number;
}

/** What to load. A version is immutable: the same name and version always mean the same bytes. */
export interface LoadedModelSpec {
  readonly name: string;
  readonly version: string;
  /** Path of the ONNX file; it is needed only while loading. */
  readonly file: string;
  /** Hexadecimal digest of the file. */
  readonly sha256: string;
  readonly golden?: readonly GoldenVector[];
}

/** A loaded version; its signature is what the session itself declares. */
export interface Slot {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

// Names and versions travel in addresses, headers and metric labels.
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws RuntimeError MODEL_SPEC_INVALID */
export function checkSpec({ name, version, sha256 }: LoadedModelSpec): void {
  if (!LABEL.test(name) || !LABEL.test(version)) {
    throw new RuntimeError(
      'MODEL_SPEC_INVALID',
      'A model name or version must be 1 to 128 letters, digits, dots, dashes or underscores.',
    );
  }
  if (!/^[0-9a-fA-F]{64}$/.test(sha256))
    throw new RuntimeError('MODEL_SPEC_INVALID', 'The SHA-256 of a model must be 64 hexadecimal digits.');
}

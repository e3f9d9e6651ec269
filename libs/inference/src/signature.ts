import { type Datatype, datatypeOf, elementCount, holds, type Tensor } from './datatypes.js';
import { RuntimeError } from './runtime-error.js';
import type { WireMetadata } from './worker-protocol.js';

/** One input or output as the session declares it; a free dimension is -1. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** @throws RuntimeError MODEL_SIGNATURE_UNSUPPORTED for an element type that has no place in the protocol. */
export function signaturesOf(metadata: readonly WireMetadata[]): readonly TensorSignature[] {
  return metadata.map(({ name, ortType, shape }) => {
    const datatype = datatypeOf(ortType);
    if (datatype === undefined) {
      throw new RuntimeError(
        'MODEL_SIGNATURE_UNSUPPORTED',
        `Tensor "${name}" is ${ortType ?? 'not a tensor'}; export the model with boolean, integer, FP32 or FP64 inputs and outputs.`,
      );
    }
    return { name, datatype, shape };
  });
}

export const describe = ({ name, datatype, shape }: TensorSignature): string =>
  `${name} ${datatype} [${shape.join(',')}]`;

/** @throws RuntimeError TENSOR_INVALID unless every entry is positive and equals the declared one where that is fixed. */
export function checkShape(signature: TensorSignature, shape: readonly unknown[]): asserts shape is number[] {
  const fits =
    shape.length === signature.shape.length &&
    shape.every((dim, axis) => {
      const declared = signature.shape[axis];
      return Number.isSafeInteger(dim) && Number(dim) > 0 && (declared === -1 || declared === dim);
    });
  if (!fits) {
    throw new RuntimeError(
      'TENSOR_INVALID',
      `Input "${signature.name}" must have the shape [${signature.shape.join(',')}], with a positive integer for each -1.`,
    );
  }
}

/** Refuses anything that ONNX Runtime would refuse, before it takes a place in the queue. */
export function checkInputs(signatures: readonly TensorSignature[], inputs: Readonly<Record<string, Tensor>>): void {
  const expected = signatures.map(describe).join('; ');
  for (const signature of signatures) {
    const tensor = Object.hasOwn(inputs, signature.name) ? inputs[signature.name] : undefined;
    if (!tensor)
      throw new RuntimeError('TENSOR_INVALID', `Input "${signature.name}" is missing; the model takes: ${expected}.`);
    checkShape(signature, tensor.shape);
    if (tensor.datatype !== signature.datatype || !holds(signature.datatype, tensor.data)) {
      throw new RuntimeError('TENSOR_INVALID', `Input "${signature.name}" must be ${signature.datatype}.`);
    }
    if (tensor.data.length !== elementCount(tensor.shape)) {
      throw new RuntimeError(
        'TENSOR_INVALID',
        `Input "${signature.name}" must hold as many elements as its shape says.`,
      );
    }
  }
  if (Object.keys(inputs).length !== signatures.length) {
    throw new RuntimeError('TENSOR_INVALID', `There are inputs that the model does not have; it takes: ${expected}.`);
  }
}

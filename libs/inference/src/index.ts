export {
  bytesPerElement,
  allocate,
  type Datatype,
  elementCount,
  type Tensor,
  type TensorData,
  viewAs,
} from './datatypes.js';
export type { Inference, InferenceRuntime, InferOptions } from './inference-runtime.js';
export { ModelRuntime, type RuntimeOptions } from './model-runtime.js';
export type { GoldenVector, LoadedModelSpec, Slot } from './model-spec.js';
export { RuntimeError, type RuntimeErrorCode } from './runtime-error.js';
export { checkShape, describe, type TensorSignature } from './signature.js';

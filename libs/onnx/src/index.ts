export type {
  Attribute, DataType, Dim, Extra, Graph, Model, Node, NumericData, Tensor, ValueInfo,
} from './ir.js';
export { OnnxError, printable } from './error.js';
export type { OnnxErrorCode } from './error.js';
export { dataTypeCode, dataTypeOf, elementCount, elementSize, floats, integers } from './data-types.js';
export type { NumericType } from './data-types.js';
export { attr, attribute, placeOf } from './attributes.js';
export { decodeModel, encodeModel, readInitializers, replaceInitializers } from './codec.js';
export { externalDataIn } from './external-data.js';
export type { ExternalData, ExternalRange } from './external-data.js';
export { GraphBuilder } from './builder.js';
export { raiseOpset } from './opset.js';
export { bindDims, inferShapes } from './shapes.js';
export type { DimBindings, ValueShape } from './shapes.js';
export { checkModel } from './check.js';
export { defaultLimits } from './limits.js';
export type { ModelLimits } from './limits.js';
export { readModel } from './read-model.js';
export { openSession } from './open-session.js';
export { exactIntegers, runSession, tensorOf } from './runtime.js';
export type { Feeds } from './runtime.js';
export { foldConstants } from './transforms/fold-constants.js';
export { foldBatchNormalization } from './transforms/fold-batch-normalization.js';
export { pruneDeadNodes } from './transforms/prune.js';
export type { CalibrationMethod } from './quantization/calibrate.js';
export { quantizeModel } from './quantization/quantize.js';
export { chooseVariant, quantizeIfBetter } from './quantization/compare.js';
export type { Measurement, QuantizationReport, QuantizationTrial, Run } from './quantization/compare.js';

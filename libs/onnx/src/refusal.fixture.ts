import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelSchema } from './gen/onnx_pb.js';
import type { Model as ModelMessage } from './gen/onnx_pb.js';
import { OnnxError, checkModel, encodeModel } from './index.js';
import type { Graph, Model, ModelLimits, Node } from './index.js';
import { logisticModel } from './models.fixture.js';

export const node = (op: string, inputs: string[], outputs: string[], attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  name: `the ${op}`,
  inputs,
  outputs,
  attributes,
});

/** The logistic model with one thing changed. */
export function altered(change: (graph: Graph, model: Model) => void): Model {
  const model = logisticModel();
  change(model.graph, model);
  return model;
}

/** Its file, with one thing changed that need not be expressible as a `Model`. */
export function alteredBytes(change: (message: ModelMessage) => void): Uint8Array {
  const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
  change(message);
  return toBinary(ModelSchema, message);
}

/** With what code and where `checkModel` refuses a model; `accepted` if it does not. */
export function refusal(source: Model | Uint8Array, limits?: Partial<ModelLimits>): { code: string; place: string } {
  try {
    checkModel(source, limits);
  } catch (error) {
    if (error instanceof OnnxError) return { code: error.code, place: error.place };
    throw error;
  }
  return { code: 'accepted', place: '' };
}

import { checkShape, describe, elementCount, type Slot, type Tensor } from '@koinon/inference';
import { BinaryTail } from './binary-tensor.js';
import { readJsonTensor } from './json-tensor.js';
import type { RequestBody } from './request-body.js';
import { ServingError } from './serving-error.js';

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}

export interface InferenceRequest {
  readonly id: string | undefined;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly RequestedOutput[];
}

type Fields = Readonly<Record<string, unknown>>;

const invalid = (message: string): ServingError => new ServingError('REQUEST_INVALID', message);

/**
 * Checks an inference request of the Open Inference Protocol (github.com/kserve/open-inference-protocol,
 * inference_rest.md) against the signature of the version that will answer it.
 * @throws ServingError REQUEST_INVALID, TENSOR_INVALID, OUTPUT_UNKNOWN, BODY_INVALID; RuntimeError TENSOR_INVALID.
 */
export function readInferenceRequest({ json, tail }: RequestBody, slot: Slot, bodyBytes: number): InferenceRequest {
  const request = object(json, 'The request');
  const { id } = request;
  if (id !== undefined && typeof id !== 'string') throw invalid('"id" must be a string.');
  const parameters = optionalObject(request['parameters'], '"parameters"');
  const binaryTail = new BinaryTail(tail);
  const inputs = readInputs(request['inputs'], slot, binaryTail, bodyBytes);
  binaryTail.finish();
  return {
    id,
    inputs,
    outputs: readOutputs(request['outputs'], slot, flag(parameters, 'binary_data_output') ?? false),
  };
}

function readInputs(value: unknown, slot: Slot, tail: BinaryTail, bodyBytes: number): Record<string, Tensor> {
  const takes = `the model takes: ${slot.inputs.map(describe).join('; ')}`;
  if (!Array.isArray(value)) throw invalid(`"inputs" must be an array of tensors; ${takes}.`);
  const inputs = new Map<string, Tensor>();
  for (const [index, item] of value.entries()) {
    const fields = object(item, `inputs[${index}]`);
    const signature = slot.inputs.find(({ name }) => name === fields['name']);
    if (!signature)
      throw new ServingError('TENSOR_INVALID', `inputs[${index}] has a name that the model does not know; ${takes}.`);
    const { name, datatype } = signature;
    if (inputs.has(name)) throw new ServingError('TENSOR_INVALID', `Input "${name}" is there twice; send it once.`);
    if (fields['datatype'] !== datatype)
      throw new ServingError('TENSOR_INVALID', `Input "${name}" must have the datatype ${datatype}.`);
    const shape: unknown = fields['shape'];
    if (!Array.isArray(shape))
      throw new ServingError('TENSOR_INVALID', `Input "${name}" needs a "shape", an array of integers.`);
    checkShape(signature, shape);
    // Either encoding takes a byte or more per element, so this bounds what a declared shape can allocate.
    if (elementCount(shape) > bodyBytes)
      throw new ServingError('TENSOR_INVALID', `Input "${name}" needs as many values as its shape says.`);
    const size = optionalObject(fields['parameters'], `"parameters" of input "${name}"`)['binary_data_size'];
    if (size !== undefined && fields['data'] !== undefined) {
      throw new ServingError('TENSOR_INVALID', `Input "${name}" has both "data" and "binary_data_size"; send one.`);
    }
    inputs.set(
      name,
      size === undefined
        ? readJsonTensor(name, datatype, shape, fields['data'])
        : tail.read(name, datatype, shape, size),
    );
  }
  const missing = slot.inputs.find(({ name }) => !inputs.has(name));
  if (missing) throw new ServingError('TENSOR_INVALID', `Input "${missing.name}" is missing; ${takes}.`);
  return Object.fromEntries(inputs);
}

function readOutputs(value: unknown, slot: Slot, binaryByDefault: boolean): RequestedOutput[] {
  if (value !== undefined && !Array.isArray(value))
    throw invalid('"outputs" must be an array of objects with a "name".');
  if (value === undefined || value.length === 0)
    return slot.outputs.map(({ name }) => ({ name, binary: binaryByDefault }));
  const outputs = new Map<string, RequestedOutput>();
  for (const [index, item] of value.entries()) {
    const fields = object(item, `outputs[${index}]`);
    const signature = slot.outputs.find(({ name }) => name === fields['name']);
    if (!signature) {
      throw new ServingError(
        'OUTPUT_UNKNOWN',
        `outputs[${index}] has a name that the model does not know; it gives: ${slot.outputs.map(describe).join('; ')}.`,
      );
    }
    const { name } = signature;
    if (outputs.has(name)) throw invalid(`Output "${name}" is asked for twice; ask once.`);
    const parameters = optionalObject(fields['parameters'], `"parameters" of output "${name}"`);
    outputs.set(name, { name, binary: flag(parameters, 'binary_data') ?? binaryByDefault });
  }
  return [...outputs.values()];
}

function object(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} must be a JSON object.`);
  return value as Fields;
}

const optionalObject = (value: unknown, what: string): Fields => (value === undefined ? {} : object(value, what));

function flag(parameters: Fields, name: string): boolean | undefined {
  const value = parameters[name];
  if (value !== undefined && typeof value !== 'boolean') throw invalid(`"${name}" must be true or false.`);
  return value;
}

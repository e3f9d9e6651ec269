import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { AttributeSchema, Attribute_Type as Kind, GraphSchema, NodeSchema } from './gen/onnx_pb.js';
import type { Attribute as AttributeMessage, Graph as GraphMessage, Node as NodeMessage } from './gen/onnx_pb.js';
import { placeOf } from './attributes.js';
import { OnnxError, quoted } from './error.js';
import type { ExternalData } from './external-data.js';
import { leftover, merged } from './extra.js';
import type { Attribute, Graph, Node } from './ir.js';
import { decodeTensor, encodeTensor } from './tensor-codec.js';
import { decodeValueInfo, encodeValueInfo } from './value-info-codec.js';

/** Reads a graph and, through attributes, the graphs inside it. */
export function decodeGraph(message: GraphMessage, external?: ExternalData): Graph {
  return {
    name: message.name,
    inputs: message.input.map(decodeValueInfo),
    outputs: message.output.map(decodeValueInfo),
    valueInfo: message.valueInfo.map(decodeValueInfo),
    initializers: uniqueMap(
      message.initializer.map((tensor) => [tensor.name, decodeTensor(tensor, external)]),
      'initializer',
    ),
    nodes: message.node.map((node) => decodeNode(node, external)),
    ...leftover(GraphSchema, message, ['name', 'input', 'output', 'valueInfo', 'initializer', 'node']),
  };
}

export function encodeGraph(graph: Graph): GraphMessage {
  return merged(GraphSchema, graph.extra, {
    name: graph.name,
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    valueInfo: graph.valueInfo.map(encodeValueInfo),
    initializer: Array.from(graph.initializers, ([name, tensor]) => encodeTensor({ ...tensor, name })),
    node: graph.nodes.map(encodeNode),
  });
}

/** A map from unique keys. @throws OnnxError ONNX_DUPLICATE_NAME */
export function uniqueMap<Value>(entries: readonly (readonly [string, Value])[], what: string): Map<string, Value> {
  const map = new Map<string, Value>();
  for (const [name, value] of entries) {
    if (map.has(name)) throw new OnnxError('ONNX_DUPLICATE_NAME', `${what} ${quoted(name)}`, 'it is defined twice');
    map.set(name, value);
  }
  return map;
}

function decodeNode(message: NodeMessage, external?: ExternalData): Node {
  const { opType: op, name, input: inputs, output: outputs } = message;
  const attributes = uniqueMap(
    message.attribute.map((attribute) => [attribute.name, decodeAttribute(attribute, external)]),
    `${placeOf({ op, name, outputs })}, attribute`,
  );
  return {
    op,
    domain: message.domain === 'ai.onnx' ? '' : message.domain,
    name,
    inputs,
    outputs,
    attributes: Object.fromEntries(attributes),
    ...leftover(NodeSchema, message, ['opType', 'domain', 'name', 'input', 'output', 'attribute']),
  };
}

function encodeNode(node: Node): NodeMessage {
  return merged(NodeSchema, node.extra, {
    opType: node.op,
    domain: node.domain,
    name: node.name,
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute)),
  });
}

function decodeAttribute(message: AttributeMessage, external?: ExternalData): Attribute {
  const decoded = decodeValue(message, external);
  if (decoded === undefined) return { kind: 'opaque', value: toBinary(AttributeSchema, message) };
  return {
    ...decoded,
    ...leftover(AttributeSchema, message, ['name', 'type', 'f', 'i', 's', 't', 'g', 'floats', 'ints', 'strings']),
  };
}

/** Undefined where a JavaScript value would not hold the attribute exactly, or the kind is a rare one. */
function decodeValue(message: AttributeMessage, external?: ExternalData): Attribute | undefined {
  if (message.refAttrName !== '') return undefined;
  switch (message.type) {
    case Kind.FLOAT:
      return { kind: 'float', value: message.f };
    case Kind.FLOATS:
      return { kind: 'floats', value: message.floats };
    case Kind.INT:
      return isExact(message.i) ? { kind: 'int', value: Number(message.i) } : undefined;
    case Kind.INTS:
      return message.ints.every(isExact) ? { kind: 'ints', value: message.ints.map(Number) } : undefined;
    case Kind.STRING:
      return decodeStrings([message.s], ([value = '']) => ({ kind: 'string', value }));
    case Kind.STRINGS:
      return decodeStrings(message.strings, (value) => ({ kind: 'strings', value }));
    case Kind.TENSOR:
      return message.t && { kind: 'tensor', value: decodeTensor(message.t, external) };
    case Kind.GRAPH:
      return message.g && { kind: 'graph', value: decodeGraph(message.g, external) };
    default:
      return undefined;
  }
}

function encodeAttribute(name: string, attribute: Attribute): AttributeMessage {
  if (attribute.kind === 'opaque') return Object.assign(fromBinary(AttributeSchema, attribute.value), { name });
  const message = merged(AttributeSchema, attribute.extra, { name });
  switch (attribute.kind) {
    case 'float':
      return Object.assign(message, { type: Kind.FLOAT, f: attribute.value });
    case 'floats':
      return Object.assign(message, { type: Kind.FLOATS, floats: attribute.value });
    case 'int':
      return Object.assign(message, { type: Kind.INT, i: BigInt(attribute.value) });
    case 'ints':
      return Object.assign(message, { type: Kind.INTS, ints: attribute.value.map(BigInt) });
    case 'string':
      return Object.assign(message, { type: Kind.STRING, s: new TextEncoder().encode(attribute.value) });
    case 'strings':
      return Object.assign(message, {
        type: Kind.STRINGS,
        strings: attribute.value.map((text) => new TextEncoder().encode(text)),
      });
    case 'tensor':
      return Object.assign(message, { type: Kind.TENSOR, t: encodeTensor(attribute.value) });
    case 'graph':
      return Object.assign(message, { type: Kind.GRAPH, g: encodeGraph(attribute.value) });
  }
}

const isExact = (value: bigint): boolean => Number.isSafeInteger(Number(value));

function decodeStrings(all: readonly Uint8Array[], wrap: (texts: string[]) => Attribute): Attribute | undefined {
  try {
    return wrap(all.map((bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

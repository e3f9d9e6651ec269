import { fromBinary } from '@bufbuild/protobuf';
import { AttributeSchema, Attribute_Type as Kind, GraphSchema } from './gen/onnx_pb.js';
import { placeOf } from './attributes.js';
import { checkName, checkRequestedSizes, checkTensor, checkValueInfo } from './check-values.js';
import { OnnxError, quoted } from './error.js';
import type { Attribute, Graph, Node, Tensor } from './ir.js';
import type { ModelLimits } from './limits.js';

/** What the graphs of one model share while they are checked. */
export interface CheckContext {
  limits: ModelLimits;
  opsets: ReadonlyMap<string, number>;
  nodesLeft: number;
  initializersLeft: number;
}

/** Names visible to a graph: its own values and, through `outer`, those of the graphs around it. */
interface Scope {
  defined: Set<string>;
  constants: Map<string, Tensor>;
  outer: Scope | undefined;
  limits: ModelLimits;
}

/**
 * Checks names, order, references and constants of a graph and of the graphs inside it.
 * @throws OnnxError ONNX_DUPLICATE_NAME, ONNX_DANGLING, ONNX_CYCLIC, ONNX_UNSORTED and what `check-values` throws
 */
export function checkGraph(graph: Graph, context: CheckContext, outer?: Scope, depth = 0): void {
  const { limits } = context;
  if (depth > limits.maxGraphDepth)
    throw new OnnxError(
      'ONNX_TOO_DEEP',
      `graph ${quoted(graph.name)}`,
      `graphs nest deeper than ${limits.maxGraphDepth} levels`,
    );
  context.nodesLeft -= graph.nodes.length;
  if (context.nodesLeft < 0)
    throw new OnnxError(
      'ONNX_TOO_LARGE',
      `graph ${quoted(graph.name)}`,
      `the model has more than ${limits.maxNodes} nodes`,
    );
  context.initializersLeft -= graph.initializers.size;
  if (context.initializersLeft < 0)
    throw new OnnxError(
      'ONNX_TOO_LARGE',
      `graph ${quoted(graph.name)}`,
      `the model has more than ${limits.maxInitializers} initializers`,
    );
  if (graph.extra && fromBinary(GraphSchema, graph.extra).sparseInitializer.length > 0) {
    throw new OnnxError(
      'ONNX_UNSUPPORTED_TYPE',
      `graph ${quoted(graph.name)}`,
      'sparse initializers are not supported; export dense ones',
    );
  }
  const scope: Scope = { defined: new Set(), constants: new Map(), outer, limits };
  for (const input of graph.inputs) {
    define(scope, input.name, `input ${quoted(input.name)}`);
    // The node that owns an inner graph fixes the types of its inputs.
    if (depth === 0) checkValueInfo(input, 'input', limits);
  }
  for (const [name, tensor] of graph.initializers) {
    const place = `initializer ${quoted(name)}`;
    checkName(name, place, limits);
    checkTensor(tensor, place, limits);
    // An initializer may give a graph input its default value.
    scope.defined.add(name);
    scope.constants.set(name, tensor);
  }
  checkOrder(graph.nodes, scope);
  for (const node of graph.nodes) checkNode(node, scope, context, depth);
  if (graph.outputs.length === 0)
    throw new OnnxError(
      'ONNX_DANGLING',
      `graph ${quoted(graph.name)}`,
      'it has no output; export the model with at least one',
    );
  const outputs = new Set<string>();
  for (const output of graph.outputs) {
    checkValueInfo(output, 'output', limits);
    if (!isDefined(scope, output.name))
      throw new OnnxError(
        'ONNX_DANGLING',
        `output ${quoted(output.name)}`,
        'no node produces it; export the model again',
      );
    if (outputs.has(output.name))
      throw new OnnxError('ONNX_DUPLICATE_NAME', `output ${quoted(output.name)}`, 'it is declared twice');
    outputs.add(output.name);
  }
}

function checkNode(node: Node, scope: Scope, context: CheckContext, depth: number): void {
  const place = placeOf(node);
  if (node.name !== '') checkName(node.name, place, context.limits);
  if (node.op === '') throw new OnnxError('ONNX_MISSING_NAME', place, 'it names no operator');
  if (!context.opsets.has(node.domain))
    throw new OnnxError('ONNX_UNKNOWN_OPSET', place, `the model imports no opset for domain ${quoted(node.domain)}`);
  for (const attribute of Object.values(node.attributes)) checkAttribute(attribute, place, scope, context, depth);
  const value = node.attributes['value'];
  if (node.op === 'Constant' && value?.kind === 'tensor') scope.constants.set(node.outputs[0] ?? '', value.value);
  checkRequestedSizes(node, (name) => constantOf(scope, name), context.limits);
}

function checkAttribute(attribute: Attribute, place: string, scope: Scope, context: CheckContext, depth: number): void {
  switch (attribute.kind) {
    case 'graph':
      return checkGraph(attribute.value, context, scope, depth + 1);
    case 'tensor':
      return checkTensor(attribute.value, place, context.limits);
    case 'float':
    case 'floats':
      if ((attribute.kind === 'float' ? [attribute.value] : attribute.value).some(Number.isNaN))
        throw new OnnxError('ONNX_NON_FINITE', place, 'an attribute is NaN; export the model again');
      return;
    case 'opaque': {
      const { type } = fromBinary(AttributeSchema, attribute.value);
      if (
        type !== Kind.INT &&
        type !== Kind.INTS &&
        type !== Kind.STRING &&
        type !== Kind.STRINGS &&
        type !== Kind.TYPE_PROTO
      ) {
        throw new OnnxError('ONNX_UNSUPPORTED_TYPE', place, 'it has an attribute of a kind that cannot be checked');
      }
      return;
    }
    default:
  }
}

/** Defines every node output; then each input must be defined, and defined by an earlier node. */
function checkOrder(nodes: readonly Node[], scope: Scope): void {
  const producers = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const name of node.outputs) {
      if (name === '') continue;
      define(scope, name, placeOf(node));
      producers.set(name, index);
    }
  });
  let unsorted: Node | undefined;
  nodes.forEach((node, index) => {
    for (const name of referencesOf(node)) {
      if (!isDefined(scope, name))
        throw new OnnxError(
          'ONNX_DANGLING',
          placeOf(node),
          `its input ${quoted(name)} is defined nowhere; export the model again`,
        );
      if ((producers.get(name) ?? -1) >= index) unsorted ??= node;
    }
  });
  if (unsorted === undefined) return;
  const stuck = nodeOnCycle(nodes, producers);
  if (stuck) throw new OnnxError('ONNX_CYCLIC', placeOf(stuck), 'it depends on its own output');
  throw new OnnxError(
    'ONNX_UNSORTED',
    placeOf(unsorted),
    'it comes before the node that makes its input; sort the nodes',
  );
}

/** Names a node reads, also from inside its graphs; names that those graphs define themselves are left out. */
export function referencesOf(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? freeNames(attribute.value) : [],
  );
  return [...node.inputs.filter((name) => name !== ''), ...inner];
}

function freeNames(graph: Graph): string[] {
  const own = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const read = [...graph.nodes.flatMap(referencesOf), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}

/** Removes nodes whose producers are removed (Kahn) and then walks producers until a node comes twice. */
function nodeOnCycle(nodes: readonly Node[], producers: ReadonlyMap<string, number>): Node | undefined {
  const needs = nodes.map((node) => new Set(referencesOf(node).flatMap((name) => producers.get(name) ?? [])));
  const users = nodes.map((): number[] => []);
  needs.forEach((set, index) => set.forEach((producer) => users[producer]!.push(index)));
  const ready = [...needs.keys()].filter((index) => needs[index]!.size === 0);
  for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
    for (const user of users[index]!) {
      needs[user]!.delete(index);
      if (needs[user]!.size === 0) ready.push(user);
    }
  }
  let current = needs.findIndex((set) => set.size > 0);
  for (const seen = new Set<number>(); current >= 0 && !seen.has(current);) {
    seen.add(current);
    current = needs[current]!.values().next().value ?? -1;
  }
  return nodes[current];
}

function define(scope: Scope, name: string, place: string): void {
  checkName(name, place, scope.limits);
  if (scope.defined.has(name))
    throw new OnnxError('ONNX_DUPLICATE_NAME', place, `value ${quoted(name)} is defined twice`);
  scope.defined.add(name);
}

function isDefined(scope: Scope | undefined, name: string): boolean {
  return scope !== undefined && (scope.defined.has(name) || isDefined(scope.outer, name));
}

function constantOf(scope: Scope | undefined, name: string): Tensor | undefined {
  return scope && (scope.constants.get(name) ?? (scope.defined.has(name) ? undefined : constantOf(scope.outer, name)));
}

import { attr } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { elementCount, floats } from '../data-types.js';
import { OnnxError, quoted } from '../error.js';
import type { Graph, Node, Tensor } from '../ir.js';
import { namesIn } from '../names.js';
import { activationRange, affineOf, quantizeValue, symmetricOf, weightRange } from './affine.js';
import type { Range } from './affine.js';
import type { QuantizationPlan, QuantizedNode } from './plan.js';

const INT32_MAX = 2 ** 31 - 1;

/**
 * The graph with QuantizeLinear → DequantizeLinear pairs around the planned nodes: uint8 activations with one
 * scale, int8 weights with a scale per output channel, int32 biases with the product of both scales. It stays a
 * valid floating-point graph of standard operators; the runtime turns the patterns into integer kernels.
 */
export function insertQuantization(graph: Graph, plan: QuantizationPlan, ranges: ReadonlyMap<string, Range>): Graph {
  const rewriter = new Rewriter(graph, plan, ranges);
  for (const { name } of graph.inputs) if (plan.values.has(name)) rewriter.addPair(name, name);
  for (const node of graph.nodes) rewriter.addNode(node);
  return rewriter.graph;
}

class Rewriter {
  private readonly builder: GraphBuilder;
  private readonly scales = new Map<string, number>();
  /** Name of the dequantised value for each quantised one. */
  private readonly dequantized = new Map<string, string>();
  private readonly outputs: ReadonlySet<string>;
  private readonly integerResults: ReadonlySet<string>;

  constructor(
    readonly source: Graph,
    readonly plan: QuantizationPlan,
    readonly ranges: ReadonlyMap<string, Range>,
  ) {
    this.builder = new GraphBuilder(source.name, { ...source, nodes: [], valueInfo: [] });
    this.builder.reserve(namesIn(source));
    this.outputs = new Set(source.outputs.map(({ name }) => name));
    this.integerResults = new Set(Array.from(plan.nodes.values(), ({ result }) => result));
  }

  get graph(): Graph {
    return this.builder.graph;
  }

  addNode(node: Node): void {
    const planned = this.plan.nodes.get(node);
    const inputs = node.inputs.map((name) => this.readName(name, planned !== undefined));
    if (planned?.weightAxis !== undefined) this.addWeights(planned, planned.weightAxis, inputs);
    const outputs = node.outputs.map((name) =>
      this.plan.values.has(name) && this.outputs.has(name) ? this.builder.unused(`${name}/float`) : name,
    );
    this.builder.append({ ...node, inputs, outputs });
    node.outputs.forEach((name, index) => {
      if (this.plan.values.has(name)) this.addPair(name, outputs[index]!);
    });
  }

  /** Quantises and dequantises `from`; a graph output keeps its name on the dequantised side. */
  addPair(name: string, from: string): void {
    const { scale, zeroPoint } = affineOf(this.ranges.get(name)!, activationRange);
    const inputs = [this.builder.float(scale), this.builder.constant('uint8', [], [zeroPoint])];
    const integers = this.builder.op('QuantizeLinear', [from, ...inputs], {}, this.builder.unused(`${name}/quantized`));
    const dequantized = from === name ? this.builder.unused(`${name}/dequantized`) : name;
    this.builder.op('DequantizeLinear', [integers, ...inputs], {}, dequantized);
    this.scales.set(name, scale);
    this.dequantized.set(name, dequantized);
  }

  /**
   * An integer kernel must be the only reader of an integer result, so others read the dequantised value too;
   * everyone else keeps the exact floats.
   */
  private readName(name: string, isQuantized: boolean): string {
    return isQuantized || this.integerResults.has(name) ? (this.dequantized.get(name) ?? name) : name;
  }

  private addWeights({ node }: QuantizedNode, axis: number, inputs: string[]): void {
    const weight = this.source.initializers.get(node.inputs[1]!)!;
    const bias = node.inputs[2] ? floats(this.source.initializers.get(node.inputs[2])!) : undefined;
    const inputScale = this.scales.get(node.inputs[0]!)!;
    const scales = channelScales(
      weight,
      axis,
      bias?.map((value) => Math.abs(value) / (inputScale * INT32_MAX)),
    );
    const channelOf = channelIndex(weight.dims, axis);
    const name = `${node.outputs[0]!}/weight`;
    const integers = floats(weight).map((value, index) =>
      quantizeValue(value, { scale: scales[channelOf(index)]!, zeroPoint: 0 }, weightRange),
    );
    inputs[1] = this.dequantizeConstant(name, 'int8', weight.dims, integers, scales, axis);
    if (bias === undefined) return;
    const biasScales = scales.map((scale) => scale * inputScale);
    const biasIntegers = Array.from(bias, (value, channel) =>
      quantizeValue(value, { scale: biasScales[channel]!, zeroPoint: 0 }, { min: -INT32_MAX, max: INT32_MAX }),
    );
    inputs[2] = this.dequantizeConstant(
      `${node.outputs[0]!}/bias`,
      'int32',
      [bias.length],
      biasIntegers,
      biasScales,
      0,
    );
  }

  private dequantizeConstant(
    name: string,
    type: 'int8' | 'int32',
    dims: number[],
    values: ArrayLike<number>,
    scales: Float32Array,
    axis: number,
  ): string {
    const inputs = [
      this.builder.initializer(this.builder.unused(`${name}/quantized`), type, dims, Array.from(values)),
      this.builder.initializer(this.builder.unused(`${name}/scale`), 'float32', [scales.length], scales),
      // Not shared between weights: for processors without VNNI the runtime rewrites each one.
      this.builder.initializer(
        this.builder.unused(`${name}/zero point`),
        type,
        [scales.length],
        Array.from(scales, () => 0),
      ),
    ];
    return this.builder.op(
      'DequantizeLinear',
      inputs,
      { axis: attr.int(axis) },
      this.builder.unused(`${name}/dequantized`),
    );
  }
}

/** Symmetric scale per output channel, at least `floor` so that the bias fits into int32. */
function channelScales(weight: Tensor, axis: number, floor: Float32Array | undefined): Float32Array {
  const channelOf = channelIndex(weight.dims, axis);
  const bounds = new Float32Array(weight.dims[axis]!);
  floats(weight).forEach((value, index) => {
    if (!Number.isFinite(value))
      throw new OnnxError('ONNX_NON_FINITE', `initializer ${quoted(weight.name)}`, 'a weight is not a finite number');
    const channel = channelOf(index);
    bounds[channel] = Math.max(bounds[channel]!, Math.abs(value));
  });
  return bounds.map((bound, channel) =>
    Math.max(symmetricOf({ min: -bound, max: bound }, weightRange).scale, floor?.[channel] ?? 0),
  );
}

function channelIndex(dims: readonly number[], axis: number): (index: number) => number {
  const inner = elementCount(dims.slice(axis + 1));
  return (index) => Math.floor(index / inner) % dims[axis]!;
}

import { toStorage } from './data-types.js';
import type { NumericType } from './data-types.js';
import { OnnxError, quoted } from './error.js';
import { namesIn } from './names.js';
import type { Attribute, DataType, Dim, Graph, Model, Node, NumericData, ValueInfo } from './ir.js';

/** Names of `Count` fresh outputs; a tuple, so that destructuring is exact. */
type Outputs<Count extends number> = Count extends 2
  ? [string, string]
  : Count extends 3
    ? [string, string, string]
    : string[];

/**
 * Builds a graph in execution order. Every method returns the name of the value it made; generated names count
 * up from the operator's name, so the same calls give the same graph.
 */
export class GraphBuilder {
  readonly graph: Graph;
  private readonly reserved = new Set<string>();
  private readonly defined = new Set<string>();
  private readonly constants = new Map<string, string>();
  private readonly counters = new Map<string, number>();

  /** @param base a graph to extend; it is copied one level deep and its names are reserved */
  constructor(name: string, base?: Graph) {
    this.graph = {
      name,
      inputs: [...(base?.inputs ?? [])],
      outputs: [...(base?.outputs ?? [])],
      valueInfo: [...(base?.valueInfo ?? [])],
      initializers: new Map(base?.initializers),
      nodes: [...(base?.nodes ?? [])],
    };
    for (const { name: used } of this.graph.inputs) this.defined.add(used);
    for (const used of this.graph.initializers.keys()) this.defined.add(used);
    for (const node of this.graph.nodes) for (const used of node.outputs) this.defined.add(used);
    if (base) this.reserve(namesIn(base));
  }

  /** Keeps names from being given to fresh values; values of these names may still be defined. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.reserved.add(name);
  }

  /** A name that no value of this graph has yet: `relu_0`, `relu_1` … It is reserved from now on. */
  fresh(prefix: string): string {
    for (let count = this.counters.get(prefix) ?? 0; ; count++) {
      const name = `${prefix}_${count}`;
      if (this.defined.has(name) || this.reserved.has(name)) continue;
      this.counters.set(prefix, count + 1);
      this.reserved.add(name);
      return name;
    }
  }

  /** The name itself where no value has it yet, otherwise a fresh one made from it. */
  unused(name: string): string {
    if (this.defined.has(name) || this.reserved.has(name)) return this.fresh(name);
    this.reserved.add(name);
    return name;
  }

  input(name: string, type: DataType, dims: readonly Dim[]): string {
    this.graph.inputs.push({ name: this.take(name), type, dims: [...dims] });
    return name;
  }

  /** Declares an existing value as a graph output; type and shape may be left to the runtime. */
  output(name: string, type?: DataType, dims?: readonly Dim[]): string {
    const value: ValueInfo = { name, ...(type && { type }), ...(dims && { dims: [...dims] }) };
    this.graph.outputs.push(value);
    return name;
  }

  /** A named weight; plain numbers are converted to the storage of `type`. */
  initializer(
    name: string,
    type: NumericType,
    dims: readonly number[],
    values: NumericData | readonly number[],
  ): string {
    this.graph.initializers.set(this.take(name), { name, type, dims: [...dims], data: toStorage(type, values) });
    return name;
  }

  /** An unnamed constant; the same type, shape and values give the same name. */
  constant(type: NumericType, dims: readonly number[], values: readonly number[]): string {
    const key = `${type}[${dims.join()}]${values.map((value) => (Object.is(value, -0) ? '-0' : value)).join()}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const name = this.take(this.fresh('const'));
    this.graph.initializers.set(name, { name, type, dims: [...dims], data: toStorage(type, values) });
    this.constants.set(key, name);
    return name;
  }

  /** A float32 scalar constant. */
  float(value: number): string {
    return this.constant('float32', [], [value]);
  }

  /** A one-dimensional int64 constant, as shapes, axes and pads want it. */
  ints(...values: number[]): string {
    return this.constant('int64', [values.length], values);
  }

  /**
   * Appends a node of the standard domain. Without `outputs` it has one fresh output, whose name is returned;
   * a name gives that output, a list these outputs, a number as many fresh ones.
   */
  op(op: string, inputs: readonly string[], attributes?: Record<string, Attribute>, output?: string): string;
  op<Count extends number>(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute>,
    outputs: Count,
  ): Outputs<Count>;
  op<const Names extends readonly string[]>(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute>,
    outputs: Names,
  ): Names;
  op(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    outputs?: string | number | readonly string[],
  ): string | readonly string[] {
    const names = this.outputNames(op.toLowerCase(), outputs);
    this.graph.nodes.push({ op, domain: '', name: '', inputs: [...inputs], outputs: [...names], attributes });
    return typeof outputs === 'object' || typeof outputs === 'number' ? names : names[0]!;
  }

  /** Appends an existing node as it is and reserves its output names. */
  append(node: Node): void {
    for (const name of node.outputs) if (name !== '') this.take(name);
    this.graph.nodes.push(node);
  }

  /** Opset 18 and IR 9 run on every runtime since 2022; nodes without a name get `Op_index`. */
  model(
    options: { producerName?: string; metadata?: ReadonlyMap<string, string>; opset?: number; irVersion?: number } = {},
  ): Model {
    const nodes = this.graph.nodes.map((node, index) =>
      node.name === '' ? { ...node, name: `${node.op}_${index}` } : node,
    );
    return {
      irVersion: options.irVersion ?? 9,
      opsets: new Map([['', options.opset ?? 18]]),
      graph: { ...this.graph, nodes },
      producerName: options.producerName ?? 'koinon',
      producerVersion: '',
      metadata: new Map(options.metadata),
    };
  }

  private outputNames(prefix: string, outputs: string | number | readonly string[] | undefined): readonly string[] {
    if (typeof outputs === 'string') return [this.take(outputs)];
    if (typeof outputs === 'object') return outputs.map((name) => (name === '' ? name : this.take(name)));
    return Array.from({ length: outputs ?? 1 }, () => this.take(this.fresh(prefix)));
  }

  private take(name: string): string {
    if (this.defined.has(name))
      throw new OnnxError('ONNX_DUPLICATE_NAME', `value ${quoted(name)}`, 'it is defined twice');
    this.defined.add(name);
    return name;
  }
}

import {
  dataTypeCode,
  type Attribute,
  type DataType,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
} from '@koinon/onnx';

/** Shorthand for attributes: integers, strings and integer lists as they are; floats, tensors and graphs named. */
export type AttributeLiteral =
  | number
  | string
  | readonly number[]
  | { float: number }
  | { tensor: Tensor }
  | { graph: Graph };

/** Hands out value names no other graph of the same model uses: a subgraph sees the names around it. */
export class NameScope {
  private readonly taken: Set<string>;
  private counter = 0;

  constructor(taken: Iterable<string>) {
    this.taken = new Set(taken);
  }

  /** `wish` itself where it is free, otherwise `wish_1`, `wish_2` … */
  claim(wish: string): string {
    let name = wish;
    for (let suffix = 1; this.taken.has(name); suffix++) name = `${wish}_${suffix}`;
    this.taken.add(name);
    return name;
  }

  fresh(hint: string): string {
    return this.claim(`${hint}.${this.counter++}`);
  }
}

/**
 * Appends operators to one graph and returns the names of what they compute.
 * Equal operators on equal inputs are emitted once; nothing here may therefore be random.
 */
export class GraphWriter {
  readonly nodes: Node[] = [];
  readonly inputs: ValueInfo[] = [];
  readonly outputs: ValueInfo[] = [];
  readonly initializers = new Map<string, Tensor>();
  private readonly known = new Map<string, string>();
  /** Sums made by `sumOfRows` → the product behind them. */
  private readonly rowSums = new Map<string, string>();

  constructor(readonly names: NameScope) {}

  input(wish: string, type: DataType, dims: readonly number[]): string {
    const name = this.names.claim(wish);
    this.inputs.push({ name, type, dims: [...dims] });
    return name;
  }

  /** As `input`, for a name that the source model already holds. */
  inputNamed(name: string, type: DataType, dims: readonly number[]): string {
    this.inputs.push({ name, type, dims: [...dims] });
    return name;
  }

  /** Declares `value` as a graph output under the wished name. */
  output(wish: string, value: string, type: DataType, dims: readonly number[]): string {
    const name = this.names.claim(wish);
    this.append({ op: 'Identity', domain: '', name, inputs: [value], outputs: [name], attributes: {} });
    this.outputs.push({ name, type, dims: [...dims] });
    return name;
  }

  append(node: Node): void {
    this.nodes.push(node);
  }

  op(op: string, inputs: readonly string[], attributes: Record<string, AttributeLiteral> = {}): string {
    const shareable = !Object.values(attributes).some(
      (value) => typeof value === 'object' && ('graph' in value || 'tensor' in value),
    );
    const key = `${op}(${inputs.join('\u0000')})${JSON.stringify(shareable ? attributes : {})}`;
    const earlier = shareable ? this.known.get(key) : undefined;
    if (earlier !== undefined) return earlier;
    const [output] = this.multi(op, inputs, 1, attributes) as [string];
    if (shareable) this.known.set(key, output);
    return output;
  }

  multi(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, AttributeLiteral> = {},
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.names.fresh(op));
    this.append({
      op,
      domain: '',
      name: names[0]!,
      inputs: [...inputs],
      outputs: names,
      attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)])),
    });
    return names;
  }

  /** float32 scalar */
  float(value: number): string {
    return this.constant(`f${value}`, { type: 'float32', dims: [], data: Float32Array.of(value) });
  }

  /** float64 scalar */
  double(value: number): string {
    return this.constant(`d${value}`, { type: 'float64', dims: [], data: Float64Array.of(value) });
  }

  cast(value: string, type: DataType): string {
    return this.op('Cast', [value], { to: dataTypeCode(type) });
  }

  /** float32 tensor */
  floats(values: ArrayLike<number>, dims: readonly number[]): string {
    const data = Float32Array.from(values);
    return this.constant(`f[${dims.join()}]${data.join()}`, { type: 'float32', dims: [...dims], data });
  }

  /** int64 scalar */
  int(value: number): string {
    return this.constant(`n${value}`, { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) });
  }

  /** int64 vector: shapes, axes, pads */
  ints(values: readonly number[]): string {
    return this.constant(`i${values.join()}`, {
      type: 'int64',
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.op('Reshape', [value, this.ints(shape)]);
  }

  sum(value: string, axes: readonly number[], keepdims: 0 | 1 = 0): string {
    return axes.length === 0 ? value : this.op('ReduceSum', [value, this.ints(axes)], { keepdims });
  }

  mean(value: string, axes: readonly number[], keepdims: 0 | 1 = 0): string {
    return axes.length === 0 ? value : this.op('ReduceMean', [value, this.ints(axes)], { keepdims });
  }

  zeros(shape: readonly number[]): string {
    const value: Tensor = { name: '', type: 'float32', dims: [1], data: new Float32Array(1) };
    return this.op('ConstantOfShape', [this.ints(shape)], { value: { tensor: value } });
  }

  /** [rows, n] → [n], as a product with ones: the runtime needs half the time of a ReduceSum for it. */
  sumOfRows(matrix: string, rows: number): string {
    const product = this.op('Gemm', [this.floats(Array<number>(rows).fill(1), [1, rows]), matrix]);
    const sum = this.reshape(product, [-1]);
    this.rowSums.set(sum, product);
    return sum;
  }

  /** parameter − gradient; a gradient that is a matrix product is subtracted by that product itself, in one pass. */
  subtractGradient(parameter: string, gradient: string): string {
    const rowSum = this.rowSums.get(gradient);
    if (rowSum !== undefined) return this.reshape(this.subtractGradient(parameter, rowSum), [-1]);
    const product = this.nodes.find(
      ({ op, inputs, outputs }) => op === 'Gemm' && inputs.length === 2 && outputs[0] === gradient,
    );
    if (product === undefined) return this.op('Sub', [parameter, gradient]);
    const alpha = product.attributes['alpha']?.kind === 'float' ? product.attributes['alpha'].value : 1;
    const [output] = this.multi('Gemm', [...product.inputs, parameter], 1) as [string];
    Object.assign(this.nodes.at(-1)!.attributes, product.attributes, { alpha: { kind: 'float', value: -alpha } });
    return output;
  }

  /** The graph without operators and constants that no output depends on. */
  graph(name: string): Graph {
    const needed = new Set(this.outputs.map((output) => output.name));
    const nodes = this.nodes
      .toReversed()
      .filter((node) => {
        if (!node.outputs.some((output) => needed.has(output))) return false;
        for (const input of inputsOf(node)) needed.add(input);
        return true;
      })
      .reverse();
    const initializers = new Map([...this.initializers].filter(([key]) => needed.has(key)));
    return { name, inputs: this.inputs, outputs: this.outputs, valueInfo: [], initializers, nodes };
  }

  private constant(key: string, tensor: Omit<Tensor, 'name'>): string {
    const earlier = this.known.get(key);
    if (earlier !== undefined) return earlier;
    const name = this.names.fresh('const');
    this.initializers.set(name, { name, ...tensor });
    this.known.set(key, name);
    return name;
  }
}

/** Everything a node reads, also through the graphs it holds. */
export function inputsOf(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph'
      ? [...attribute.value.nodes.flatMap(inputsOf), ...attribute.value.outputs.map(({ name }) => name)]
      : [],
  );
  return [...node.inputs, ...inner];
}

function toAttribute(value: AttributeLiteral): Attribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if ('float' in value) return { kind: 'float', value: value.float };
  if ('tensor' in value) return { kind: 'tensor', value: value.tensor };
  if ('graph' in value) return { kind: 'graph', value: value.graph };
  return { kind: 'ints', value: [...value] };
}

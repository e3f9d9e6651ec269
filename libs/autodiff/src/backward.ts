import type { Node } from '@koinon/onnx';
import { unsupported } from './errors.js';
import { inputsOf, type GraphWriter } from './graph-writer.js';
import type { Program } from './program.js';
import { ruleFor } from './rules/index.js';
import { inputOf, type Cotangent, type Scope } from './rule.js';

/** Gradients gathered so far, by value; a value used twice receives the sum. */
export class Cotangents {
  private readonly byValue = new Map<string, string>();

  constructor(private readonly graph: GraphWriter) {}

  add(value: string, cotangent: Cotangent): void {
    if (cotangent === undefined) return;
    const earlier = this.byValue.get(value);
    this.byValue.set(value, earlier === undefined ? cotangent : this.graph.op('Add', [earlier, cotangent]));
  }

  get(value: string): Cotangent {
    return this.byValue.get(value);
  }

  of(node: Node): Cotangent[] {
    return node.outputs.map((name) => this.byValue.get(name));
  }
}

const floating = new Set(['float32', 'float64', 'float16', 'bfloat16']);

/** Values between the trainable parameters and the output, through which gradients have to travel. @throws AutodiffError AUTODIFF_UNSUPPORTED */
export function differentiable(program: Program, trainable: ReadonlySet<string>): Set<string> {
  const needs = new Set(trainable);
  for (const node of program.nodes) {
    const carried = inputsOf(node).filter((name) => needs.has(name));
    if (carried.length === 0) continue;
    const made = node.outputs.filter((name) => floating.has(program.values.get(name)?.type ?? ''));
    if (node.op !== 'Cast' && [...carried, ...made].some((name) => program.values.get(name)?.type !== 'float32')) {
      throw unsupported(node, 'gradients are computed in float32 only', 'Export the model in float32');
    }
    for (const name of made) needs.add(name);
  }
  return needs;
}

export function scopeOf(program: Program, graph: GraphWriter, needs: (value: string) => boolean): Scope {
  const value = (name: string) => {
    const found = program.values.get(name);
    if (found === undefined)
      throw new RangeError('a rule asked for the shape of a value that the program does not hold');
    return found;
  };
  return {
    graph,
    shape: (name) => value(name).dims,
    type: (name) => value(name).type,
    constant: (name) => program.constants.get(name),
    needs,
  };
}

/** Reverse sweep over `nodes`, which are in execution order; see Griewank & Walther, Evaluating Derivatives, chapter 3. */
export function sweep(scope: Scope, nodes: readonly Node[], cotangents: Cotangents): void {
  for (const node of nodes.toReversed()) {
    const outgoing = cotangents.of(node);
    if (!node.outputs.some((name, index) => outgoing[index] !== undefined && scope.needs(name))) continue;
    const incoming = ruleFor(node).pullback(scope, node, outgoing);
    incoming.forEach((cotangent, input) => cotangents.add(inputOf(node, input), cotangent));
  }
}

import type { Node } from '@koinon/onnx';
import { Cotangents, scopeOf, sweep } from './backward.js';
import type { GraphWriter } from './graph-writer.js';
import type { Program } from './program.js';
import { keptRows, recordWeights, squaredNorms, type RecordWeights } from './record-weights.js';
import { inputOf, outputOf, type RecordGradient, type RecordScope } from './rule.js';
import { ruleFor } from './rules/index.js';
import { rearrangeRows } from './rules/shape.js';
import { sizeOf } from './shape.js';

/** What clipping needs to know before any gradient is written. */
export interface ClippingPlan {
  program: Program;
  trainable: ReadonlySet<string>;
  needs: ReadonlySet<string>;
  carrying: ReadonlySet<string>;
}

interface Use {
  /** The shared value at the point where records start to use it. */
  value: string;
  /** Operators between the parameter and that value, last first; each only rearranges elements. */
  chain: Node[];
  gradient: RecordGradient;
}

/** Operators from `value` back to a parameter, or undefined where one of them does more than rearrange. */
function chainTo(plan: ClippingPlan, value: string): { parameter: string; chain: Node[] } | undefined {
  const chain: Node[] = [];
  let current = value;
  while (!plan.trainable.has(current)) {
    const node = plan.program.nodes.find(({ outputs }) => outputs.includes(current));
    if (node === undefined || !rearranging.has(node.op)) return undefined;
    chain.push(node);
    current = inputOf(node, 0);
  }
  return { parameter: current, chain };
}

const rearranging = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose']);

function sharedInputs(plan: ClippingPlan, node: Node): number[] {
  return node.inputs.flatMap((name, input) => (plan.needs.has(name) && !plan.carrying.has(name) ? [input] : []));
}

/** Whether every use of every parameter has a per-record rule; otherwise records must be taken one at a time. */
export function hasRecordRules(plan: ClippingPlan): boolean {
  return plan.program.nodes
    .filter((node) => plan.carrying.has(outputOf(node)) && plan.needs.has(outputOf(node)))
    .every((node) =>
      sharedInputs(plan, node).every(
        (input) => ruleFor(node).recordGradient !== undefined && chainTo(plan, inputOf(node, input)) !== undefined,
      ),
    );
}

export interface ClippedGradients {
  /** Σ over records of clipped gradients, by parameter. */
  gradients: Map<string, string>;
  /** ‖gradient of each record‖ before clipping, [records]. */
  norms: string;
}

/**
 * Clips each record's gradient, taken over all parameters together, to the norm bound and sums.
 * One backward pass: the norms come from what it computes anyway, and the clipped sum from re-weighting that
 * (Bu et al. 2023, arXiv:2210.00038, "book-keeping").
 *
 * One record changes the sum by at most bound·(1 + 2⁻¹⁰) if no more than 64 are present: its norm is exact to 2⁻⁵², its factor
 * and products to 2⁻²⁴, and a float32 sum of B addends is off by at most B·2⁻²⁴·Σ‖addend‖ ≤ B²·2⁻²⁴·bound (Higham 2002,
 * section 4.2), once with the record and once without: 2·64²·2⁻²⁴ = 2⁻¹¹.
 * @param seed ∂(loss of record i)/∂output, no division by the number of records
 * @param bound value holding the clipping norm, float32 scalar > 0
 */
export function clippedGradients(
  graph: GraphWriter,
  plan: ClippingPlan,
  seed: string,
  bound: string,
): ClippedGradients {
  const { program, needs, carrying } = plan;
  const scope: RecordScope = {
    ...scopeOf(program, graph, (value) => needs.has(value) && carrying.has(value)),
    records: program.batch,
  };
  const uses = recordSweep(scope, plan, seed);
  const totals = new Map([...uses].map(([parameter, own]) => [parameter, combine(scope, own)]));
  const squares = [...totals.values()].map(
    (gradient) => gradient.squaredNorm?.() ?? squaredNorms(graph, gradient.rows()),
  );
  const { norms, ...weights } = recordWeights(graph, squares, bound);

  const shared = new Cotangents(graph);
  for (const [parameter, own] of uses) {
    const only = own.length === 1 ? own[0] : undefined;
    const target = only?.value ?? parameter;
    const gradient = only?.gradient ?? totals.get(parameter)!;
    shared.add(target, gradient.weightedSum?.(weights) ?? weighRows(scope, gradient.rows(), weights, target));
  }
  sweep(
    scopeOf(program, graph, (value) => needs.has(value)),
    program.nodes.filter((node) => !carrying.has(outputOf(node))),
    shared,
  );
  return {
    gradients: new Map([...uses.keys()].map((parameter) => [parameter, shared.get(parameter)!])),
    norms,
  };
}

function recordSweep(scope: RecordScope, plan: ClippingPlan, seed: string): Map<string, Use[]> {
  const cotangents = new Cotangents(scope.graph);
  cotangents.add(plan.program.output, seed);
  const uses = new Map<string, Use[]>();
  const nodes = plan.program.nodes.filter((node) => plan.carrying.has(outputOf(node)));
  for (const node of nodes.toReversed()) {
    const outgoing = cotangents.of(node);
    if (outgoing.every((cotangent) => cotangent === undefined)) continue;
    for (const input of sharedInputs(plan, node)) {
      const value = inputOf(node, input);
      const origin = chainTo(plan, value);
      const gradient = ruleFor(node).recordGradient?.(scope, node, outgoing, input);
      if (origin === undefined || gradient === undefined)
        throw new RangeError('per-record gradients were asked for without a rule');
      uses.set(origin.parameter, [...(uses.get(origin.parameter) ?? []), { value, chain: origin.chain, gradient }]);
    }
    sweep(scope, [node], cotangents);
  }
  return uses;
}

/** A parameter used more than once: its record gradients are summed before the norm is taken. */
function combine(scope: RecordScope, uses: readonly Use[]): RecordGradient {
  if (uses.length === 1) return uses[0]!.gradient;
  const rows = () =>
    uses
      .map(({ gradient, chain }) => chain.reduce((value, node) => rearrangeRows(scope, node, value), gradient.rows()))
      .reduce((sum, next) => scope.graph.op('Add', [sum, next]));
  return { rows };
}

function weighRows(scope: RecordScope, rows: string, weights: RecordWeights, target: string): string {
  const shape = scope.shape(target);
  const summed = scope.graph.op('Gemm', [weights.factor, keptRows(scope.graph, rows, weights)], { transA: 1 });
  return shape.length === 2 && shape[0] === 1 && shape[1] === sizeOf(shape)
    ? summed
    : scope.graph.reshape(summed, shape);
}

import type { Node } from '@koinon/onnx';
import { floatOf, intOf } from '../attributes.js';
import { sumTo, sumToRows } from '../broadcast.js';
import type { GraphWriter } from '../graph-writer.js';
import { keptRows, squaredNorms, weightedRows } from '../record-weights.js';
import { inputOf, outputOf, type RecordGradient, type RecordScope, type Rule, type Scope } from '../rule.js';
import { extentOf, range, sameShape, sizeOf } from '../shape.js';

function scaled(graph: GraphWriter, value: string, factor: number): string {
  return factor === 1 ? value : graph.op('Mul', [value, graph.float(factor)]);
}

const scale = (alpha: number) => (alpha === 1 ? {} : { alpha: { float: alpha } });

function gemm(graph: GraphWriter, a: string, b: string, transA: number, transB: number, alpha: number): string {
  return graph.op('Gemm', [a, b], { ...(transA ? { transA } : {}), ...(transB ? { transB } : {}), ...scale(alpha) });
}

// Y = α·A'·B' + β·C, where ' is a transposition if asked for
const gemmRule: Rule = {
  pullback(scope, node, [cotangent]) {
    if (cotangent === undefined) return [];
    const { graph } = scope;
    const [a, b, c] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
    const [transA, transB] = [intOf(node, 'transA', 0), intOf(node, 'transB', 0)];
    const alpha = floatOf(node, 'alpha', 1);
    const dA = () =>
      transA ? gemm(graph, b, cotangent, transB, 1, alpha) : gemm(graph, cotangent, b, 0, 1 - transB, alpha);
    const dB = () =>
      transB ? gemm(graph, cotangent, a, 1, transA, alpha) : gemm(graph, a, cotangent, 1 - transA, 0, alpha);
    const dC = () =>
      scaled(graph, sumTo(graph, cotangent, scope.shape(outputOf(node)), scope.shape(c)), floatOf(node, 'beta', 1));
    return [
      scope.needs(a) ? dA() : undefined,
      scope.needs(b) ? dB() : undefined,
      c !== '' && scope.needs(c) ? dC() : undefined,
    ];
  },
  recordGradient(scope, node, [cotangent], input) {
    const dy = cotangent!;
    return input === 2
      ? biasGradient(scope, node, dy)
      : weightGradient(scope, node, dy, extentOf(scope.shape(outputOf(node)), 1));
  },
};

function biasGradient(scope: RecordScope, node: Node, cotangent: string): RecordGradient {
  const { graph } = scope;
  const [out, shape] = [scope.shape(outputOf(node)), scope.shape(inputOf(node, 2))];
  const beta = floatOf(node, 'beta', 1);
  const rows = () => scaled(graph, sumToRows(scope, cotangent, out, shape), beta);
  if (beta !== 1 || out[0] !== scope.records || !sameShape(shape, out.slice(1))) return { rows };
  // the weight's rule weighs the same rows, so only a sum is left to do
  return { rows, weightedSum: (weights) => graph.sumOfRows(weightedRows(graph, cotangent, weights), scope.records) };
}

/**
 * Record i adds α·xᵢᵀ·dyᵢ, an outer product when it has one row: then ‖xᵢᵀdyᵢ‖² = ‖xᵢ‖²·‖dyᵢ‖² and the sum of
 * scaled outer products is one Gemm, so no per-record matrix is ever formed (Goodfellow 2015, arXiv:1510.01799).
 */
function weightGradient(scope: RecordScope, node: Node, cotangent: string, outputs: number): RecordGradient {
  const { graph, records } = scope;
  const x = inputOf(node, 0);
  const transB = intOf(node, 'transB', 0);
  const alpha = floatOf(node, 'alpha', 1);
  const inputs = extentOf(scope.shape(x), 1);
  const rowsPerRecord = extentOf(scope.shape(x), 0) / records;
  const rows = () => {
    const perRecordX = graph.reshape(x, [records, rowsPerRecord, inputs]);
    const perRecordDy = graph.reshape(cotangent, [records, rowsPerRecord, outputs]);
    const [left, right] = transB ? [perRecordDy, perRecordX] : [perRecordX, perRecordDy];
    const product = graph.op('MatMul', [graph.op('Transpose', [left], { perm: [0, 2, 1] }), right]);
    return scaled(graph, graph.reshape(product, [records, inputs * outputs]), alpha);
  };
  if (rowsPerRecord !== 1) return { rows };
  return {
    rows,
    squaredNorm: () => {
      const square = graph.op('Mul', [squaredNorms(graph, x), squaredNorms(graph, cotangent)]);
      return alpha === 1 ? square : graph.op('Mul', [square, graph.double(alpha * alpha)]);
    },
    weightedSum: (weights) => {
      const [kept, weighted] = [keptRows(graph, x, weights), weightedRows(graph, cotangent, weights)];
      return transB ? gemm(graph, weighted, kept, 1, 0, alpha) : gemm(graph, kept, weighted, 1, 0, alpha);
    },
  };
}

function transposed(graph: GraphWriter, value: string, rank: number): string {
  return graph.op('Transpose', [value], { perm: [...range(rank - 2), rank - 1, rank - 2] });
}

/** Shapes with the vectors of MatMul made matrices: [K] → [1, K] on the left, [K, 1] on the right. */
function matrices(scope: Scope, node: Node) {
  const [left, right] = [scope.shape(inputOf(node, 0)), scope.shape(inputOf(node, 1))];
  const a = left.length === 1 ? [1, ...left] : left;
  const b = right.length === 1 ? [...right, 1] : right;
  const rank = Math.max(a.length, b.length);
  const batch = range(rank - 2).map((axis) => Math.max(a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1));
  return { a, b, batch, out: [...batch, extentOf(a, a.length - 2), extentOf(b, b.length - 1)] };
}

function asShape(graph: GraphWriter, value: string, from: readonly number[], to: readonly number[]): string {
  return sameShape(from, to) ? value : graph.reshape(value, to);
}

/** Gradient of one operand with every broadcast batch axis still in place, and its shape. */
function operandGradient(
  scope: Scope,
  node: Node,
  cotangent: string,
  input: number,
): { value: string; shape: number[] } {
  const { graph } = scope;
  const { a, b, batch, out } = matrices(scope, node);
  const dy = asShape(graph, cotangent, scope.shape(outputOf(node)), out);
  const left = asShape(graph, inputOf(node, 0), scope.shape(inputOf(node, 0)), a);
  const right = asShape(graph, inputOf(node, 1), scope.shape(inputOf(node, 1)), b);
  return input === 0
    ? { value: graph.op('MatMul', [dy, transposed(graph, right, b.length)]), shape: [...batch, ...a.slice(-2)] }
    : { value: graph.op('MatMul', [transposed(graph, left, a.length), dy]), shape: [...batch, ...b.slice(-2)] };
}

// [.., T, K] × [K, O] is one matrix product of all rows; so is its weight's gradient
function isDense(scope: Scope, node: Node): boolean {
  return scope.shape(inputOf(node, 1)).length === 2 && scope.shape(inputOf(node, 0)).length >= 2;
}

function denseWeightGradient(scope: Scope, node: Node, cotangent: string): string {
  const { graph } = scope;
  const [inputs, outputs] = scope.shape(inputOf(node, 1)) as [number, number];
  const rows = sizeOf(scope.shape(outputOf(node))) / outputs;
  const x = asShape(graph, inputOf(node, 0), scope.shape(inputOf(node, 0)), [rows, inputs]);
  const dy = asShape(graph, cotangent, scope.shape(outputOf(node)), [rows, outputs]);
  return gemm(graph, x, dy, 1, 0, 1);
}

/** A weight of one axis is a matrix of one column. */
function rowsTimesWeight(scope: RecordScope, node: Node, cotangent: string): RecordGradient {
  const { graph } = scope;
  const [out, weight] = [scope.shape(outputOf(node)), scope.shape(inputOf(node, 1))];
  if (weight.length === 2) return weightGradient(scope, node, cotangent, extentOf(weight, 1));
  const { weightedSum, ...gradient } = weightGradient(scope, node, graph.reshape(cotangent, [extentOf(out, 0), 1]), 1);
  return weightedSum
    ? { ...gradient, weightedSum: (weights) => graph.reshape(weightedSum(weights), weight) }
    : gradient;
}

const matMulRule: Rule = {
  pullback(scope, node, [cotangent]) {
    if (cotangent === undefined) return [];
    return node.inputs.map((name, input) => {
      if (!scope.needs(name)) return undefined;
      if (input === 1 && isDense(scope, node)) return denseWeightGradient(scope, node, cotangent);
      const { value, shape } = operandGradient(scope, node, cotangent, input);
      const operand = matrices(scope, node)[input === 0 ? 'a' : 'b'];
      return asShape(scope.graph, sumTo(scope.graph, value, shape, operand), operand, scope.shape(name));
    });
  },
  recordGradient(scope, node, [cotangent], input) {
    const dy = cotangent!;
    if (input === 1 && scope.shape(inputOf(node, 0)).length === 2) return rowsTimesWeight(scope, node, dy);
    return {
      rows: () => {
        const { value, shape } = operandGradient(scope, node, dy, input);
        return sumToRows(scope, value, shape, matrices(scope, node)[input === 0 ? 'a' : 'b']);
      },
    };
  },
};

/** Matrix products. */
export const matmulRules: Record<string, Rule> = { Gemm: gemmRule, MatMul: matMulRule };

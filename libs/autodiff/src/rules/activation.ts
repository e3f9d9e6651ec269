import type { Node } from '@koinon/onnx';
import { floatOf, stringOf } from '../attributes.js';
import { inputOf, outputOf, unary, type Rule, type Scope } from '../rule.js';

/** cotangent where `value` > 0, `otherwise` elsewhere */
function wherePositive({ graph }: Scope, value: string, cotangent: string, otherwise: string): string {
  return graph.op('Where', [graph.op('Greater', [value, graph.float(0)]), cotangent, otherwise]);
}

function gelu(scope: Scope, node: Node, cotangent: string): string {
  return stringOf(node, 'approximate', 'none') === 'tanh'
    ? geluTanh(scope, node, cotangent)
    : geluErf(scope, node, cotangent);
}

// gelu(x) = x·Φ(x), so gelu' = Φ(x) + x·φ(x)
function geluErf({ graph }: Scope, node: Node, cotangent: string): string {
  const x = inputOf(node, 0);
  const erf = graph.op('Erf', [graph.op('Mul', [x, graph.float(Math.SQRT1_2)])]);
  const distribution = graph.op('Mul', [graph.op('Add', [erf, graph.float(1)]), graph.float(0.5)]);
  const square = graph.op('Mul', [graph.op('Mul', [x, x]), graph.float(-0.5)]);
  const density = graph.op('Mul', [graph.op('Exp', [square]), graph.float(1 / Math.sqrt(2 * Math.PI))]);
  return graph.op('Mul', [cotangent, graph.op('Add', [distribution, graph.op('Mul', [x, density])])]);
}

// gelu(x) ≈ x/2·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³)
function geluTanh({ graph }: Scope, node: Node, cotangent: string): string {
  const x = inputOf(node, 0);
  const root = Math.sqrt(2 / Math.PI);
  const square = graph.op('Mul', [x, x]);
  const slope = graph.op('Add', [graph.op('Mul', [square, graph.float(0.044715 * root)]), graph.float(root)]);
  const tanh = graph.op('Tanh', [graph.op('Mul', [x, slope])]);
  const innerSlope = graph.op('Add', [graph.op('Mul', [square, graph.float(3 * 0.044715 * root)]), graph.float(root)]);
  const sech2 = graph.op('Sub', [graph.float(1), graph.op('Mul', [tanh, tanh])]);
  const second = graph.op('Mul', [graph.op('Mul', [x, innerSlope]), sech2]);
  const twice = graph.op('Add', [graph.op('Add', [tanh, graph.float(1)]), second]);
  return graph.op('Mul', [cotangent, graph.op('Mul', [twice, graph.float(0.5)])]);
}

// mish(x) = x·tanh s with s = softplus(x), so mish' = tanh s + x·σ(x)·(1 − tanh² s)
function mish({ graph }: Scope, node: Node, cotangent: string): string {
  const x = inputOf(node, 0);
  const tanh = graph.op('Tanh', [graph.op('Softplus', [x])]);
  const sech2 = graph.op('Sub', [graph.float(1), graph.op('Mul', [tanh, tanh])]);
  const second = graph.op('Mul', [graph.op('Mul', [x, graph.op('Sigmoid', [x])]), sech2]);
  return graph.op('Mul', [cotangent, graph.op('Add', [tanh, second])]);
}

function hardSlope({ graph }: Scope, value: string, low: number, high: number, inside: string, above: string): string {
  const belowTop = graph.op('Where', [graph.op('Less', [value, graph.float(high)]), inside, above]);
  return graph.op('Where', [graph.op('Greater', [value, graph.float(low)]), belowTop, graph.float(0)]);
}

/** Activations. Where a function has a kink, the derivative there is the one from the flat side. */
export const activationRules: Record<string, Rule> = {
  // HardSigmoid(y) = clamp(3·10³⁸·y, 0, 1) is 1 where y > 0 (from 3·10⁻³⁹ on), in one operator that is cheaper than a comparison and a choice
  Relu: unary(({ graph }, node, cotangent) =>
    graph.op('Mul', [
      cotangent,
      graph.op('HardSigmoid', [outputOf(node)], { alpha: { float: 3e38 }, beta: { float: 0 } }),
    ]),
  ),
  LeakyRelu: unary((scope, node, cotangent) => {
    const leak = scope.graph.op('Mul', [cotangent, scope.graph.float(floatOf(node, 'alpha', 0.01))]);
    return wherePositive(scope, inputOf(node, 0), cotangent, leak);
  }),
  Elu: unary((scope, node, cotangent) => {
    // below zero y = α(eˣ − 1), so y' = y + α
    const slope = scope.graph.op('Add', [outputOf(node), scope.graph.float(floatOf(node, 'alpha', 1))]);
    return wherePositive(scope, inputOf(node, 0), cotangent, scope.graph.op('Mul', [cotangent, slope]));
  }),
  Celu: unary((scope, node, cotangent) => {
    // below zero y = α(eˣ/ᵅ − 1), so y' = y/α + 1
    const slope = scope.graph.op('Add', [
      scope.graph.op('Mul', [outputOf(node), scope.graph.float(1 / floatOf(node, 'alpha', 1))]),
      scope.graph.float(1),
    ]);
    return wherePositive(scope, inputOf(node, 0), cotangent, scope.graph.op('Mul', [cotangent, slope]));
  }),
  Selu: unary((scope, node, cotangent) => {
    // γ·x above zero, below it y = γα(eˣ − 1), so y' = y + γα
    const [alpha, gamma] = [floatOf(node, 'alpha', 1.6732632423543772), floatOf(node, 'gamma', 1.0507009873554805)];
    const below = scope.graph.op('Add', [outputOf(node), scope.graph.float(gamma * alpha)]);
    return wherePositive(
      scope,
      inputOf(node, 0),
      scope.graph.op('Mul', [cotangent, scope.graph.float(gamma)]),
      scope.graph.op('Mul', [cotangent, below]),
    );
  }),
  Softsign: unary(({ graph }, node, cotangent) => {
    const size = graph.op('Add', [graph.op('Abs', [inputOf(node, 0)]), graph.float(1)]);
    return graph.op('Div', [cotangent, graph.op('Mul', [size, size])]);
  }),
  Mish: unary(mish),
  Gelu: unary(gelu),
  Sigmoid: unary(({ graph }, node, cotangent) => {
    const y = outputOf(node);
    return graph.op('Mul', [cotangent, graph.op('Mul', [y, graph.op('Sub', [graph.float(1), y])])]);
  }),
  Tanh: unary(({ graph }, node, cotangent) => {
    const y = outputOf(node);
    return graph.op('Mul', [cotangent, graph.op('Sub', [graph.float(1), graph.op('Mul', [y, y])])]);
  }),
  HardSigmoid: unary((scope, node, cotangent) => {
    const slope = scope.graph.op('Mul', [cotangent, scope.graph.float(floatOf(node, 'alpha', 0.2))]);
    return hardSlope(scope, outputOf(node), 0, 1, slope, scope.graph.float(0));
  }),
  HardSwish: unary((scope, node, cotangent) => {
    // x·(x + 3)/6 between −3 and 3
    const { graph } = scope;
    const x = inputOf(node, 0);
    const slope = graph.op('Add', [graph.op('Mul', [x, graph.float(1 / 3)]), graph.float(0.5)]);
    return hardSlope(scope, x, -3, 3, graph.op('Mul', [cotangent, slope]), cotangent);
  }),
  Softplus: unary(({ graph }, node, cotangent) =>
    graph.op('Mul', [cotangent, graph.op('Sigmoid', [inputOf(node, 0)])]),
  ),
};

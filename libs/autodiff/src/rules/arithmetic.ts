import { dataTypeCode } from '@koinon/onnx';
import { broadcastRule } from '../broadcast.js';
import { inputOf, outputOf, unary, type Rule } from '../rule.js';

const add = broadcastRule((_scope, _node, cotangent) => cotangent);

const sub = broadcastRule(({ graph }, _node, cotangent, input) =>
  input === 0 ? cotangent : graph.op('Neg', [cotangent]),
);

const mul = broadcastRule(({ graph }, node, cotangent, input) =>
  graph.op('Mul', [cotangent, inputOf(node, 1 - input)]),
);

const div = broadcastRule(({ graph }, node, cotangent, input) => {
  const quotient = graph.op('Div', [cotangent, inputOf(node, 1)]);
  return input === 0 ? quotient : graph.op('Neg', [graph.op('Mul', [quotient, outputOf(node)])]);
});

const pow = broadcastRule((scope, node, cotangent, input) => {
  const { graph } = scope;
  const [base, exponent] = [inputOf(node, 0), inputOf(node, 1)];
  if (input === 0) {
    const known = Array.from(scope.constant(exponent)?.data ?? [0], Number);
    if (known.length === 1 && known[0] === 2)
      return graph.op('Mul', [cotangent, graph.op('Mul', [base, graph.float(2)])]);
    const power =
      scope.type(exponent) === 'float32' ? exponent : graph.op('Cast', [exponent], { to: dataTypeCode('float32') });
    const slope = graph.op('Mul', [power, graph.op('Pow', [base, graph.op('Sub', [power, graph.float(1)])])]);
    // x⁰ is 1 everywhere, also at x = 0, where 0·x⁻¹ is no number
    const flat = graph.op('Equal', [power, graph.float(0)]);
    return graph.op('Mul', [
      cotangent,
      known.every((value) => value !== 0) ? slope : graph.op('Where', [flat, graph.float(0), slope]),
    ]);
  }
  // ∂x^y/∂y = x^y·ln x; at x ≤ 0 the logarithm does not exist and the derivative is taken as 0
  const positive = graph.op('Greater', [base, graph.float(0)]);
  const logarithm = graph.op('Log', [graph.op('Where', [positive, base, graph.float(1)])]);
  return graph.op('Mul', [cotangent, graph.op('Mul', [outputOf(node), logarithm])]);
});

const where = broadcastRule(({ graph }, node, cotangent, input) => {
  const [chosen, other] = input === 1 ? [cotangent, graph.float(0)] : [graph.float(0), cotangent];
  return graph.op('Where', [inputOf(node, 0), chosen, other]);
});

/** The gradient goes to the operand that is the extremum, in equal parts to all that are. */
const extremum = broadcastRule(({ graph }, node, cotangent, input) => {
  const attained = node.inputs.map((name) =>
    graph.op('Cast', [graph.op('Equal', [name, outputOf(node)])], { to: dataTypeCode('float32') }),
  );
  const share = attained.length === 1 ? cotangent : graph.op('Div', [cotangent, graph.op('Sum', attained)]);
  return graph.op('Mul', [share, attained[input]!]);
});

const prelu = broadcastRule(({ graph }, node, cotangent, input) => {
  const positive = graph.op('Greater', [inputOf(node, 0), graph.float(0)]);
  const below = graph.op('Mul', [cotangent, inputOf(node, 1 - input)]);
  return graph.op('Where', [positive, input === 0 ? cotangent : graph.float(0), below]);
});

/** Arithmetic with numpy broadcasting, and the elementary functions. */
export const arithmeticRules: Record<string, Rule> = {
  Add: add,
  Sub: sub,
  Mul: mul,
  Div: div,
  Pow: pow,
  Where: where,
  Max: extremum,
  Min: extremum,
  PRelu: prelu,
  Reciprocal: unary(({ graph }, node, cotangent) =>
    graph.op('Neg', [graph.op('Mul', [cotangent, graph.op('Mul', [outputOf(node), outputOf(node)])])]),
  ),
  Neg: unary(({ graph }, _node, cotangent) => graph.op('Neg', [cotangent])),
  Sqrt: unary(({ graph }, node, cotangent) =>
    graph.op('Div', [graph.op('Mul', [cotangent, graph.float(0.5)]), outputOf(node)]),
  ),
  Exp: unary(({ graph }, node, cotangent) => graph.op('Mul', [cotangent, outputOf(node)])),
  Log: unary(({ graph }, node, cotangent) => graph.op('Div', [cotangent, inputOf(node, 0)])),
  Abs: unary(({ graph }, node, cotangent) => graph.op('Mul', [cotangent, graph.op('Sign', [inputOf(node, 0)])])),
  Sin: unary(({ graph }, node, cotangent) => graph.op('Mul', [cotangent, graph.op('Cos', [inputOf(node, 0)])])),
  Cos: unary(({ graph }, node, cotangent) =>
    graph.op('Neg', [graph.op('Mul', [cotangent, graph.op('Sin', [inputOf(node, 0)])])]),
  ),
  Erf: unary(({ graph }, node, cotangent) => {
    // d erf/dx = 2/√π · exp(−x²)
    const x = inputOf(node, 0);
    const bell = graph.op('Exp', [graph.op('Neg', [graph.op('Mul', [x, x])])]);
    return graph.op('Mul', [cotangent, graph.op('Mul', [bell, graph.float(2 / Math.sqrt(Math.PI))])]);
  }),
  Clip: unary(({ graph }, node, cotangent) => {
    const [x, low, high] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
    const inside = [
      ...(low === '' ? [] : [graph.op('GreaterOrEqual', [x, low])]),
      ...(high === '' ? [] : [graph.op('LessOrEqual', [x, high])]),
    ];
    if (inside.length === 0) return cotangent;
    return graph.op('Where', [inside.reduce((a, b) => graph.op('And', [a, b])), cotangent, graph.float(0)]);
  }),
};

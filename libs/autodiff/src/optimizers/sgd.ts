import { timesConstant, type Optimizer } from './optimizer.js';

export interface SgdOptions {
  kind: 'sgd';
  momentum?: number;
  /** L2 penalty λ: adds λ·p to the gradient. */
  weightDecay?: number;
}

/** v ← μ·v + g, p ← p − η·v (Sutskever et al. 2013, in the form without dampening or Nesterov's step). */
export function sgd({ momentum = 0, weightDecay = 0 }: SgdOptions): Optimizer {
  return {
    slots: momentum === 0 ? [] : ['velocity'],
    scalars: [],
    linear: momentum === 0 && weightDecay === 0,
    scratch: 2,
    advance: () => [],
    update(graph, { parameter, gradient, learningRate, slots: [velocity] }) {
      const decayed =
        weightDecay === 0 ? gradient : graph.op('Add', [gradient, timesConstant(graph, parameter, weightDecay)]);
      const direction =
        velocity === undefined ? decayed : graph.op('Add', [timesConstant(graph, velocity, momentum), decayed]);
      const next = graph.op('Sub', [parameter, graph.op('Mul', [direction, learningRate])]);
      return { parameter: next, slots: velocity === undefined ? [] : [direction] };
    },
  };
}

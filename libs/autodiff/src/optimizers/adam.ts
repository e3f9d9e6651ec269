import { timesConstant, type Optimizer } from './optimizer.js';

export interface AdamOptions {
  /** `adam` adds λ·p to the gradient, `adamw` shrinks p by η·λ beside the step (Loshchilov & Hutter 2019, arXiv:1711.05101). */
  kind: 'adam' | 'adamw';
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  weightDecay?: number;
}

/**
 * Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, in the order of computation section 2 proposes).
 * The bias corrections 1 − βᵗ are carried as c ← β·c + (1 − β), which loses no digits where 1 − βᵗ would cancel.
 */
export function adam({
  kind,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = kind === 'adamw' ? 0.01 : 0,
}: AdamOptions): Optimizer {
  const average = (graph: Parameters<Optimizer['advance']>[0], old: string, current: string, beta: number) =>
    graph.op('Add', [timesConstant(graph, old, beta), timesConstant(graph, current, 1 - beta)]);
  return {
    slots: ['mean', 'variance'],
    scalars: ['meanCorrection', 'varianceCorrection'],
    linear: false,
    scratch: 6,
    advance: (graph, [first, second]) => [
      average(graph, first!, graph.float(1), beta1),
      average(graph, second!, graph.float(1), beta2),
    ],
    update(graph, { parameter, gradient, learningRate, slots, scalars }) {
      const [mean, variance, first, second] = [...slots, ...scalars] as [string, string, string, string];
      const penalised = kind === 'adam' && weightDecay !== 0;
      const own = penalised ? graph.op('Add', [gradient, timesConstant(graph, parameter, weightDecay)]) : gradient;
      const nextMean = average(graph, mean, own, beta1);
      const nextVariance = average(graph, variance, graph.op('Mul', [own, own]), beta2);
      // η·(m/c₁)/(√(v/c₂) + ε) = (η·√c₂/c₁)·m/(√v + ε·√c₂)
      const root = graph.op('Sqrt', [second]);
      const rate = graph.op('Div', [graph.op('Mul', [learningRate, root]), first]);
      const divisor = graph.op('Add', [graph.op('Sqrt', [nextVariance]), timesConstant(graph, root, epsilon)]);
      const step = graph.op('Div', [graph.op('Mul', [nextMean, rate]), divisor]);
      const shrunk =
        kind === 'adamw' && weightDecay !== 0
          ? graph.op('Sub', [parameter, graph.op('Mul', [parameter, timesConstant(graph, learningRate, weightDecay)])])
          : parameter;
      return { parameter: graph.op('Sub', [shrunk, step]), slots: [nextMean, nextVariance] };
    },
  };
}

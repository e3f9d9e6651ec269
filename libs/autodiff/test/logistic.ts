import { GraphBuilder, type Model } from '@koinon/onnx';
import type { TrainingOptions } from '../src/index.js';
import { randomSource, uniform } from '../src/random.js';
import { trainer, type RunInputs, type RunOutputs } from './training-run.js';

export interface Weights extends Record<string, Float64Array> {
  weight: Float64Array;
  bias: Float64Array;
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** Logistic regression, whose gradient is known in closed form: (σ(z) − y)·x. Here in double precision. */
export class Logistic {
  readonly x: Float32Array;
  readonly labels: Float32Array;

  constructor(
    readonly width: number,
    readonly records: number,
    private readonly seed = 11,
  ) {
    const random = randomSource(seed);
    this.x = uniform(random, width * records, -2, 2);
    this.labels = Float32Array.from({ length: records }, () => (random() < 0.5 ? 0 : 1));
  }

  model(): Model {
    const random = randomSource(this.seed + 1);
    const graph = new GraphBuilder('logistic');
    const x = graph.input('x', 'float32', ['batch', this.width]);
    graph.initializer('weight', 'float32', [this.width, 1], uniform(random, this.width));
    graph.initializer('bias', 'float32', [1], uniform(random, 1));
    graph.op('Sigmoid', [graph.op('Gemm', [x, 'weight', 'bias'], {}, 'logits')], {}, 'probability');
    graph.output('probability');
    return graph.model();
  }

  initial(): Weights {
    const { initializers } = this.model().graph;
    const of = (name: string) => Float64Array.from(initializers.get(name)?.data as Float32Array);
    return { weight: of('weight'), bias: of('bias') };
  }

  /** Gradient of each record's loss. */
  recordGradients({ weight, bias }: Weights): Weights[] {
    return Array.from({ length: this.records }, (_, record) => {
      const row = this.x.subarray(record * this.width, (record + 1) * this.width);
      const logit = row.reduce((sum, value, index) => sum + value * weight[index]!, bias[0]!);
      const slope = sigmoid(logit) - this.labels[record]!;
      return { weight: Float64Array.from(row, (value) => slope * value), bias: Float64Array.of(slope) };
    });
  }

  /** Mean gradient, or the sum of clipped ones over `divisor` with a clipping norm. */
  gradients(weights: Weights, clippingNorm = Number.POSITIVE_INFINITY, divisor = this.records): Weights {
    const total: Weights = { weight: new Float64Array(this.width), bias: new Float64Array(1) };
    for (const gradient of this.recordGradients(weights)) {
      const factor = Math.min(1, clippingNorm / Math.hypot(...gradient.weight, ...gradient.bias)) / divisor;
      gradient.weight.forEach((value, index) => {
        total.weight[index] = total.weight[index]! + factor * value;
      });
      total.bias[0] = total.bias[0]! + factor * gradient.bias[0]!;
    }
    return total;
  }

  options(extra: Partial<TrainingOptions>): TrainingOptions {
    return {
      trainable: ['weight', 'bias'],
      output: 'logits',
      loss: 'binary-cross-entropy',
      optimizer: { kind: 'none' },
      batch: this.records,
      ...extra,
    };
  }

  /** Runs the training graph `runs` times on the same batch, feeding parameters and state back. */
  async train(extra: Partial<TrainingOptions>, inputs: Partial<RunInputs>, runs: number): Promise<RunOutputs> {
    const own = await trainer(this.model(), this.options(extra));
    const copies = extra.localSteps ?? 1;
    const repeat = (values: Float32Array) =>
      Float32Array.from(Array.from({ length: copies }, () => [...values]).flat());
    const data = { features: { x: repeat(this.x) }, labels: repeat(this.labels) };
    let result = await own.run({ ...data, ...inputs });
    for (let run = 1; run < runs; run++)
      result = await own.run({ ...data, ...inputs, parameters: result.parameters, state: result.state });
    await own.release();
    return result;
  }
}

import { trainingGraph, type Port, type Ports, type TrainingGraph, type TrainingOptions } from '@koinon/autodiff';
import { elementCount, type Model } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import type { Network } from './networks/layers.js';

/** Data of one run: [steps, batch, …] of everything. */
export interface Steps {
  readonly images: Float32Array;
  readonly labels: Float32Array;
}

/** A training graph in the runtime with its parameters and optimiser state, which pass from run to run. */
export class TrainingSession {
  private readonly graph: TrainingGraph;
  private readonly session: Session;
  private readonly network: Network;
  private carried: Record<string, Tensor>;

  private constructor(network: Network, graph: TrainingGraph, session: Session) {
    this.network = network;
    this.graph = graph;
    this.session = session;
    const { parameters, state } = graph.inputs;
    const initial = ([key, { name, dims }]: [string, Port]): [string, Tensor] => {
      const weights = network.model.graph.initializers.get(key)?.data as Float32Array | undefined;
      return [name, new Tensor('float32', weights?.slice() ?? new Float32Array(elementCount(dims)), dims)];
    };
    this.carried = Object.fromEntries([...Object.entries(parameters), ...Object.entries(state)].map(initial));
  }

  static async open(
    network: Network,
    options: Pick<TrainingOptions, 'optimizer' | 'batch' | 'localSteps' | 'classWeights' | 'labelSmoothing'>,
  ): Promise<TrainingSession> {
    const graph = await trainingGraph(network.model, {
      trainable: network.trainable,
      output: 'logits',
      loss: 'binary-cross-entropy',
      ...options,
    });
    const session = await Session.create(graph.bytes);
    return new TrainingSession(network, graph, session);
  }

  /** Takes the steps of one run. @returns the mean loss before each */
  async run({ images, labels }: Steps, learningRate: number): Promise<Float32Array> {
    const { inputs, outputs } = this.graph;
    const fed = (port: Port | undefined, data: Float32Array): Record<string, Tensor> =>
      port === undefined ? {} : { [port.name]: new Tensor('float32', data, port.dims) };
    const results = await this.session.run({
      ...this.carried,
      ...fed(inputs.features['image'], images),
      ...fed(inputs.labels, labels),
      ...fed(inputs.mask, new Float32Array(labels.length).fill(1)),
      ...fed(inputs.learningRate, Float32Array.of(learningRate)),
    });
    const next = (from: Ports, to: Ports | undefined): [string, Tensor][] =>
      Object.entries(from).map(([key, { name }]) => [name, results[to?.[key]?.name ?? '']!]);
    this.carried = Object.fromEntries([
      ...next(inputs.parameters, outputs.parameters),
      ...next(inputs.state, outputs.state),
    ]);
    return results[outputs.loss.name]?.data as Float32Array;
  }

  /** The serving model with the present weights. */
  model(): Model {
    const { model } = this.network;
    const initializers = new Map(model.graph.initializers);
    for (const [key, { name, dims }] of Object.entries(this.graph.inputs.parameters)) {
      initializers.set(key, {
        name: key,
        type: 'float32',
        dims,
        data: Float32Array.from(this.carried[name]?.data as Float32Array),
      });
    }
    return { ...model, graph: { ...model.graph, initializers } };
  }

  /** Frees native memory. */
  release(): Promise<void> {
    return this.session.release();
  }
}

import { GraphBuilder, attr, elementCount, type Model } from '@koinon/onnx';
import { normal, uniforms } from '../random.js';

/** A model with the names of the initializers that training changes. */
export interface Network {
  readonly model: Model;
  readonly trainable: readonly string[];
}

/**
 * A network on radiographs under construction. Input `image` [N, 1, 28, 28] of grey values 0 to 255; every image is
 * first brought to mean 0 and deviation 1, so that exposure and contrast of the device do not matter. Weights start
 * from He's normal distribution (He et al. 2015, arXiv:1502.01852, equation 10), biases at zero.
 */
export class RadiographNetwork {
  private readonly graph: GraphBuilder;
  private readonly uniform: () => number;
  private readonly trainable: string[] = [];
  private value: string;

  constructor(name: string, seed: number) {
    this.graph = new GraphBuilder(name);
    this.uniform = uniforms(seed);
    const image = this.graph.input('image', 'float32', ['N', 1, 28, 28]);
    const ones = this.graph.initializer('one', 'float32', [1, 28, 28], new Float32Array(784).fill(1));
    this.value = this.graph.op(
      'LayerNormalization',
      [image, ones],
      { axis: attr.int(1), epsilon: attr.float(1) },
      'standardised',
    );
  }

  /** 3×3 convolution, group normalisation (Wu & He 2018, arXiv:1803.08494), Relu. */
  convolve(
    name: string,
    inputs: number,
    outputs: number,
    { groups, stride = 1 }: { groups: number; stride?: number },
  ): void {
    const weight = this.weight(`${name}.weight`, [outputs, inputs, 3, 3], inputs * 9);
    const scale = this.constant(`${name}.scale`, [outputs], 1);
    const shift = this.constant(`${name}.shift`, [outputs], 0);
    const convolved = this.graph.op('Conv', [this.value, weight], {
      kernel_shape: attr.ints([3, 3]),
      pads: attr.ints([1, 1, 1, 1]),
      strides: attr.ints([stride, stride]),
    });
    const normalised = this.graph.op('GroupNormalization', [convolved, scale, shift], {
      num_groups: attr.int(groups),
    });
    this.value = this.graph.op('Relu', [normalised]);
  }

  pool(): void {
    this.value = this.graph.op('MaxPool', [this.value], {
      kernel_shape: attr.ints([2, 2]),
      strides: attr.ints([2, 2]),
    });
  }

  average(): void {
    this.value = this.graph.op('GlobalAveragePool', [this.value]);
  }

  flatten(): void {
    this.value = this.graph.op('Flatten', [this.value]);
  }

  dense(name: string, inputs: number, outputs: number): void {
    this.value = this.graph.op('Relu', [this.gemm(name, inputs, outputs)]);
  }

  /** Closes the network: `logits` [N, 1] and the output `probability` [N, 1] = σ(logits). */
  close(inputs: number): Network {
    this.gemm('head', inputs, 1, 'logits');
    this.graph.output(this.graph.op('Sigmoid', ['logits'], {}, 'probability'), 'float32', ['N', 1]);
    // since opset 21 GroupNormalization has a scale per channel
    return { model: this.graph.model({ opset: 21, irVersion: 10 }), trainable: this.trainable };
  }

  private gemm(name: string, inputs: number, outputs: number, output?: string): string {
    const weight = this.weight(`${name}.weight`, [inputs, outputs], inputs);
    const bias = this.constant(`${name}.bias`, [outputs], 0);
    return this.graph.op('Gemm', [this.value, weight, bias], {}, output ?? `${name}.sum`);
  }

  private weight(name: string, dims: number[], fanIn: number): string {
    const deviation = Math.sqrt(2 / fanIn);
    return this.parameter(
      name,
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => deviation * normal(this.uniform)),
    );
  }

  private constant(name: string, dims: number[], value: number): string {
    return this.parameter(name, dims, new Float32Array(elementCount(dims)).fill(value));
  }

  private parameter(name: string, dims: number[], data: Float32Array): string {
    this.trainable.push(name);
    return this.graph.initializer(name, 'float32', dims, data);
  }
}

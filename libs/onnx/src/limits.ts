/** What a model file may ask of the machine that reads it. */
export interface ModelLimits {
  /** Bytes of the file, and separately of all its external data. Protobuf itself ends at 2 GiB. */
  maxBytes: number;
  /** Elements of any one tensor, declared or constant. */
  maxElements: number;
  /** Nodes of all graphs together. */
  maxNodes: number;
  /** Initializers of all graphs together. */
  maxInitializers: number;
  /** Characters of the name of a node, a value or a dimension. */
  maxNameLength: number;
  /** Graphs inside graphs (If, Loop, Scan). */
  maxGraphDepth: number;
  /** `batch`: only the first axis of an input may be open; `any`: every axis, but the rank must be stated. */
  openDims: 'none' | 'batch' | 'any';
}

/**
 * The runtime's time to open a model grows with the square of its nodes and initializers: 10,000 nodes that read one
 * value take 1 s, 20,000 take 5 s. DenseNet-121 has up to 1,750 nodes, ResNet-152 about 780 initializers, BERT-large about 400.
 */
export const defaultLimits: ModelLimits = {
  maxBytes: 512 * 2 ** 20,
  maxElements: 2 ** 28,
  maxNodes: 10_000,
  maxInitializers: 10_000,
  maxNameLength: 1_000,
  maxGraphDepth: 6,
  openDims: 'batch',
};

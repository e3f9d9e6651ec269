/** What a model file may ask of the machine that reads it. */
export interface ModelLimits {
  /** Bytes of the file, and separately of all its external data. Protobuf itself ends at 2 GiB. */
  maxBytes: number;
  /** Elements of any one tensor, declared or constant. */
  maxElements: number;
  /** Nodes of all graphs together. */
  maxNodes: number;
  /** Graphs inside graphs (If, Loop, Scan). */
  maxGraphDepth: number;
  /** `batch`: only the first axis of an input may be open; `any`: every axis, but the rank must be stated. */
  openDims: 'none' | 'batch' | 'any';
}

export const defaultLimits: ModelLimits = {
  maxBytes: 512 * 2 ** 20,
  maxElements: 2 ** 28,
  maxNodes: 100_000,
  maxGraphDepth: 6,
  openDims: 'batch',
};

import { AutodiffError, recordGradientGraph, type TrainingGraph } from '@koinon/autodiff';
import { decodeModel } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import type { HospitalData, Records } from '@koinon/records';
import type { TrainJob } from './protocol.js';
import { RECORDS_PER_RUN } from './groups.js';
import type { GradientSource } from './trainer.js';
import { TrainingError } from './training-error.js';

export interface GradientOptions extends Pick<TrainJob, 'trainable' | 'loss' | 'output'> {
  readonly clippingNorm: number;
  /** Most bytes one run of the graph may need; larger models then take records in smaller pieces. */
  readonly memoryLimitBytes?: number;
}

/** Clipped per-record gradients from the model's training graph, on the runtime that also serves. */
export class ClippedGradient implements GradientSource {
  private constructor(
    private readonly graph: TrainingGraph,
    private readonly session: Session,
    private readonly clippingNorm: number,
    private readonly trainable: readonly string[],
    private readonly inputName: string,
  ) {}

  /**
   * @throws TrainingError TRAINING_MODEL_INVALID when the model cannot be differentiated or does not take these rows,
   * TRAINING_MEMORY_EXCEEDED when one record alone would need more than the limit
   */
  static async of(
    model: Uint8Array,
    { clippingNorm, ...recipe }: GradientOptions,
    input: Pick<HospitalData, 'inputName' | 'width'>,
  ): Promise<ClippedGradient> {
    try {
      const graph = await recordGradientGraph(decodeModel(model), { ...recipe, batch: RECORDS_PER_RUN }, input);
      return new ClippedGradient(
        graph,
        await Session.create(graph.bytes),
        clippingNorm,
        recipe.trainable,
        input.inputName,
      );
    } catch (error) {
      if (error instanceof AutodiffError && error.code === 'AUTODIFF_MEMORY_LIMIT')
        throw new TrainingError('TRAINING_MEMORY_EXCEEDED', error.message);
      throw new TrainingError(
        'TRAINING_MODEL_INVALID',
        error instanceof Error ? error.message : 'the model cannot be used',
      );
    }
  }

  /** In runs of `recordsPerRun`, the last one masked. */
  async sum(
    weights: Float32Array,
    records: Records,
    sample: readonly number[],
  ): Promise<{ sum: Float64Array; loss: number }> {
    const parameters = this.parameters(weights);
    const total = { sum: new Float64Array(weights.length), loss: 0 };
    for (let from = 0; from < sample.length; from += RECORDS_PER_RUN) {
      const piece = sample.slice(from, from + RECORDS_PER_RUN);
      const outputs = await this.session.run({ ...parameters, ...this.batch(records, piece) });
      const value = (name: string): Float32Array => outputs[name]?.data as Float32Array;
      let offset = 0;
      for (const name of this.trainable) {
        const gradient = value(this.graph.outputs.gradients?.[name]?.name ?? '');
        for (const entry of gradient) total.sum[offset] = total.sum[offset++]! + entry;
      }
      total.loss += (value(this.graph.outputs.loss.name)[0] ?? 0) * piece.length;
    }
    return total;
  }

  /** Runs the graph on one made-up record. @throws TrainingError TRAINING_JOB_INVALID, TRAINING_MODEL_INVALID */
  async tryOut(weights: Float32Array): Promise<void> {
    const width = elements(port(this.graph.inputs.features[this.inputName]).dims) / RECORDS_PER_RUN;
    const record: Records = { features: new Float32Array(width), labels: new Float32Array(1), rows: 1 };
    try {
      await this.sum(weights, record, [0]);
    } catch (error) {
      throw error instanceof TrainingError
        ? error
        : new TrainingError('TRAINING_MODEL_INVALID', 'the training graph does not run');
    }
  }

  /** Frees native memory. */
  release(): Promise<void> {
    return this.session.release();
  }

  private parameters(weights: Float32Array): Record<string, Tensor> {
    const ports = this.trainable.map((key) => port(this.graph.inputs.parameters[key]));
    const expected = ports.reduce((sum, { dims }) => sum + elements(dims), 0);
    if (expected !== weights.length)
      throw new TrainingError(
        'TRAINING_JOB_INVALID',
        `the model has ${expected} trainable values, the job ${weights.length}`,
      );
    let offset = 0;
    return Object.fromEntries(
      ports.map(({ name, dims }) => [
        name,
        new Tensor('float32', weights.slice(offset, (offset += elements(dims))), dims),
      ]),
    );
  }

  private batch(records: Records, rows: readonly number[]): Record<string, Tensor> {
    const { features, labels, mask, clippingNorm } = this.graph.inputs;
    const input = port(features[this.inputName]);
    const width = elements(input.dims) / RECORDS_PER_RUN;
    const values = new Float32Array(RECORDS_PER_RUN * width);
    const classes = new Float32Array(RECORDS_PER_RUN);
    const [first = 0] = rows;
    for (let index = 0; index < RECORDS_PER_RUN; index++) {
      // A masked place repeats a real record, whose values every operator of the model takes.
      const row = rows[index] ?? first;
      values.set(records.features.subarray(row * width, (row + 1) * width), index * width);
      classes[index] = records.labels[row]!;
    }
    const given = Float32Array.from(classes, (_, index) => Number(index < rows.length));
    return {
      [input.name]: new Tensor('float32', values, input.dims),
      [labels.name]:
        labels.type === 'int64'
          ? new Tensor('int64', BigInt64Array.from(classes, BigInt), labels.dims)
          : new Tensor('float32', classes, labels.dims),
      [port(mask).name]: new Tensor('float32', given, [RECORDS_PER_RUN]),
      [port(clippingNorm).name]: new Tensor('float32', Float32Array.of(this.clippingNorm), []),
    };
  }
}

const elements = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

function port<P>(declared: P | undefined): P {
  if (declared === undefined)
    throw new TrainingError('TRAINING_MODEL_INVALID', 'the training graph lacks an input that clipping needs');
  return declared;
}

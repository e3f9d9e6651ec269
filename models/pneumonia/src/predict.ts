import { encodeModel, type Model } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { PIXELS, type Radiographs } from './dataset.js';

const ROWS_PER_RUN = 64;

/** Probability of pneumonia for each radiograph. */
export async function predict(model: Model, { images, count }: Radiographs): Promise<Float32Array> {
  const session = await Session.create(encodeModel(model));
  try {
    const probabilities = new Float32Array(count);
    for (let from = 0; from < count; from += ROWS_PER_RUN) {
      const rows = Math.min(ROWS_PER_RUN, count - from);
      const image = new Tensor('float32', Float32Array.from(images.subarray(from * PIXELS, (from + rows) * PIXELS)), [
        rows,
        1,
        28,
        28,
      ]);
      const { probability } = await session.run({ image });
      probabilities.set(probability?.data as Float32Array, from);
    }
    return probabilities;
  } finally {
    await session.release();
  }
}

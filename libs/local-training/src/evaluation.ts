import { Session, Tensor } from '@koinon/onnx-runtime';
import type { HospitalData } from '@koinon/records';
import { TrainingError } from './training-error.js';

/** Records to score, [rows × width] values for one input of the model. Their labels stay with whoever counts. */
export interface ScoringInput {
  readonly inputName: string;
  readonly features: Float32Array;
  readonly rows: number;
  readonly width: number;
}

export const testRecords = ({
  inputName,
  width,
  test: { features, rows },
}: Pick<HospitalData, 'inputName' | 'width' | 'test'>): ScoringInput => ({ inputName, features, rows, width });

/**
 * @param model its first output is the probability [rows, 1] of the positive class
 * @returns what the model gives each record; exact, so it must not leave in the clear
 * @throws TrainingError EVALUATION_MODEL_INVALID, SessionError
 */
export async function scoresOf(
  model: Uint8Array,
  { inputName, features, rows, width }: ScoringInput,
): Promise<Float32Array> {
  const session = await Session.create(model);
  try {
    const outputs = await session.run({ [inputName]: new Tensor('float32', features, [rows, width]) });
    const scores = outputs[session.outputs[0]?.name ?? '']?.data;
    if (!(scores instanceof Float32Array) || scores.length !== rows)
      throw new TrainingError(
        'EVALUATION_MODEL_INVALID',
        'the model’s first output is not one float32 for each record',
      );
    return scores;
  } finally {
    await session.release();
  }
}

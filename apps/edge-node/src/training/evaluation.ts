import { countScores } from '@koinon/contracts';
import { Session, Tensor } from '@koinon/onnx-runtime';
import type { HospitalData } from '../data/index.js';
import { TrainingError } from './training-error.js';

/**
 * Scores the test split and counts the scores by class: the site's addend of the evaluation's secure sum, exact, so it
 * must not leave in the clear.
 * @param model its first output is the probability [N, 1] of the positive class
 * @returns [evaluationLength] of @koinon/contracts
 * @throws TrainingError EVALUATION_MODEL_INVALID, SessionError, CodedError MODEL_INVALID for a score that is no probability
 */
export async function evaluateModel(model: Uint8Array, data: Pick<HospitalData, 'test' | 'width' | 'inputName'>): Promise<Uint32Array> {
  const session = await Session.create(model);
  try {
    const { features, labels, rows } = data.test;
    const outputs = await session.run({ [data.inputName]: new Tensor('float32', features, [rows, data.width]) });
    const scores = outputs[session.outputs[0]?.name ?? '']?.data;
    if (!(scores instanceof Float32Array) || scores.length !== rows) throw new TrainingError('EVALUATION_MODEL_INVALID', 'the model’s first output is not one float32 for each record');
    return countScores(scores, labels);
  } finally {
    await session.release();
  }
}

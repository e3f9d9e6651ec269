import { countScores } from '@koinon/contracts';
import { Session, Tensor } from '@koinon/onnx-runtime';
import type { HospitalData } from '../data/index.js';

/**
 * Scores the test split and counts the scores by class: the site's addend of the evaluation's secure sum, exact, so it
 * must not leave in the clear.
 * @param model its only output is the probability [N, 1] of the positive class
 * @returns [evaluationLength] of @koinon/contracts
 */
export async function evaluateModel(model: Uint8Array, data: Pick<HospitalData, 'test' | 'width' | 'inputName'>): Promise<Uint32Array> {
  const session = await Session.create(model);
  try {
    const { features, labels, rows } = data.test;
    const outputs = await session.run({ [data.inputName]: new Tensor('float32', features, [rows, data.width]) });
    const probability = outputs[session.outputs[0]?.name ?? ''];
    return countScores((probability?.data ?? []) as Float32Array, labels);
  } finally {
    await session.release();
  }
}

import { countScores } from '@koinon/contracts';
import { InferenceSession, Tensor } from '@koinon/onnx-runtime';
import type { HospitalData } from '../data/index.js';

/** One quiet thread: evaluation and training share the box with serving. */
export const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
};

/**
 * Scores the test split and counts the scores by class: the site's addend of the evaluation's secure sum, exact, so it
 * must not leave in the clear.
 * @param model a file or its bytes; its only output is the probability [N, 1] of the positive class
 * @returns [evaluationLength] of @koinon/contracts
 */
export async function evaluateModel(model: string | Uint8Array, data: Pick<HospitalData, 'test' | 'width' | 'inputName'>): Promise<Uint32Array> {
  const session = await (typeof model === 'string' ? InferenceSession.create(model, sessionOptions) : InferenceSession.create(model, sessionOptions));
  try {
    const { features, labels, rows } = data.test;
    const outputs = await session.run({ [data.inputName]: new Tensor('float32', features, [rows, data.width]) });
    const probability = outputs[session.outputNames[0] ?? ''];
    return countScores((probability?.data ?? []) as Float32Array, labels);
  } finally {
    await session.release();
  }
}

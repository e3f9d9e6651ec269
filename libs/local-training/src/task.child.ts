/** The task process: takes one task over IPC, answers, ends. Killing it at any point loses nothing but its work. */
import { readFileSync } from 'node:fs';
import { SessionError } from '@koinon/onnx-runtime';
import { scoresOf } from './evaluation.js';
import type { ChildAnswer, ChildReply, Order, Task } from './protocol.js';
import { TrainingError } from './training-error.js';

/** Nearly all that this process would load at its start, and an evaluation needs none of it. */
const training = () => import('./training-task.js');
// While it waits, so that a training does not; a failure is that of the task that meets it again.
if (process.argv[2] === ('train' satisfies Task['kind'])) training().catch(() => undefined);

process.once('message', (order: Order) => {
  process.send?.({ kind: 'taken' } satisfies ChildReply);
  void answer(order).then((reply) => process.send?.(reply, () => process.disconnect()));
});
// The edge node is gone: nobody is left to hand a result to.
process.on('disconnect', () => process.exit());

async function answer({ task, limits }: Order): Promise<ChildAnswer> {
  try {
    const model = readModel(task);
    if (task.kind === 'evaluate') return { kind: 'done', result: await scoresOf(model, task.job) };
    const { train } = await training();
    return { kind: 'done', result: await train(model, task.job, limits) };
  } catch (error) {
    if (error instanceof TrainingError) return { kind: 'failed', code: error.code, message: error.message };
    if (error instanceof SessionError) return { kind: 'failed', code: modelInvalid(task), message: error.message };
    throw error;
  }
}

function readModel(task: Task): Uint8Array {
  try {
    return new Uint8Array(readFileSync(task.job.modelFile));
  } catch {
    throw new TrainingError(modelInvalid(task), 'the model file cannot be read');
  }
}

const modelInvalid = ({ kind }: Task) => (kind === 'train' ? 'TRAINING_MODEL_INVALID' : 'EVALUATION_MODEL_INVALID');

import type { AssignmentOf } from '@koinon/contracts';
import { checkTerms, type Ceremony, type KeyEpochStore, type Uploader } from '@koinon/site-client';
import type { TaskVectors } from './task-vectors.js';

type Task = AssignmentOf<'train' | 'evaluate'>;

/** Answers a task with an encrypted vector: made once, stored, and sent until the coordinator has it. */
export class TaskAnswers {
  constructor(
    private readonly keyEpochs: KeyEpochStore,
    private readonly ceremony: Pick<Ceremony, 'agreed'>,
    private readonly uploader: Uploader,
    private readonly vectors: TaskVectors,
  ) {}

  /** @param withdrawn ends what computes the vector */
  async answer(task: Task, withdrawn: AbortSignal): Promise<void> {
    // Stored under another sum and never sent: the answer of this round is that one.
    if (task.kind === 'train' && this.keyEpochs.answers(task)) this.vectors.released(task);
    await this.encryptOnce(task, withdrawn);
    await this.send(task);
  }

  /**
   * After a crash the stored ciphertext is sent, and the records are not looked at again. Agreement and a free index come before
   * training, which would spend privacy budget on a sum that is refused.
   */
  private async encryptOnce(task: Task, withdrawn: AbortSignal): Promise<void> {
    const { keyEpochId, sumId, sumIndex, federation } = task;
    if (this.uploader.made(keyEpochId, sumId)) return;
    checkTerms(this.keyEpochs.ceremony(keyEpochId).header, federation);
    this.uploader.checkFree(keyEpochId, sumIndex);
    await this.ceremony.agreed(keyEpochId);
    const values = await (task.kind === 'train'
      ? this.vectors.update(task, withdrawn)
      : this.vectors.evaluation(task, withdrawn));
    await this.uploader.encrypt(
      keyEpochId,
      sumId,
      sumIndex,
      values,
      task.kind === 'train' ? { runId: task.runId, round: task.round } : undefined,
    );
  }

  /** What is released is the round that was encrypted, whatever the coordinator says of the sum now. */
  private async send(task: Task): Promise<void> {
    const { keyEpochId, sumId } = task;
    const answers = this.uploader.made(keyEpochId, sumId)?.answers ?? (task.kind === 'train' ? task : undefined);
    if (answers) this.vectors.released(answers);
    await this.uploader.send(keyEpochId, sumId);
  }
}

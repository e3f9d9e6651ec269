import type { AssignmentOf } from '@koinon/contracts';
import { taskOf, type Task } from '@koinon/secure-tasks';
import { checkTerms, type Ceremony, type KeyEpochStore, type Uploader } from '@koinon/site-client';
import type { TaskVectors } from './task-vectors.js';

/** Answers a task with an encrypted vector: made once, stored, and sent until the coordinator has it. */
export class TaskAnswers {
  constructor(
    private readonly keyEpochs: KeyEpochStore,
    private readonly ceremony: Pick<Ceremony, 'agreed'>,
    private readonly uploader: Uploader,
    private readonly vectors: TaskVectors,
  ) {}

  /** @param withdrawn ends what computes the vector */
  async answer(assignment: AssignmentOf<'task'>, withdrawn: AbortSignal): Promise<void> {
    const task = taskOf(assignment.task, assignment.input);
    // Stored under another sum and never sent: the answer of this round is that one.
    if (task.answers && this.keyEpochs.answers(task.answers)) this.vectors.released(task.answers);
    await this.encryptOnce(task, assignment, withdrawn);
    await this.send(task, assignment);
  }

  /** Must be called before a task is refused. */
  refused({ task, input }: AssignmentOf<'task'>): void {
    const round = chargedRound(() => taskOf(task, input));
    if (round) this.vectors.refused(round);
  }

  /**
   * After a crash the stored ciphertext is sent, and the records are not looked at again. Agreement and a free index come before
   * what spends privacy budget on a sum that is refused.
   */
  private async encryptOnce(
    task: Task,
    { keyEpochId, sumId, sumIndex }: AssignmentOf<'task'>,
    withdrawn: AbortSignal,
  ): Promise<void> {
    if (this.uploader.made(keyEpochId, sumId)) return;
    checkTerms(this.keyEpochs.ceremony(keyEpochId).header, task.federation);
    this.uploader.checkFree(keyEpochId, sumIndex);
    await this.ceremony.agreed(keyEpochId);
    const values = await this.vectors.compute(task, withdrawn);
    await this.uploader.encrypt(keyEpochId, sumId, sumIndex, values, task.answers);
  }

  /** What is released is the round that was encrypted, whatever the coordinator says of the sum now. */
  private async send(task: Task, { keyEpochId, sumId }: AssignmentOf<'task'>): Promise<void> {
    const answers = this.uploader.made(keyEpochId, sumId)?.answers ?? task.answers;
    if (answers) this.vectors.released(answers);
    await this.uploader.send(keyEpochId, sumId);
  }
}

/** Of a task that is not understood nothing was ever charged. */
function chargedRound(understood: () => Task): Task['answers'] {
  try {
    return understood().answers;
  } catch {
    return null;
  }
}

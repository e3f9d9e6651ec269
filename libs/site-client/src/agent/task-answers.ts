import type { AssignmentOf } from '@koinon/contracts';
import { taskOf, type ChargedRound, type Task } from '@koinon/secure-tasks';
import type { Ceremony } from '../secure-update/ceremony.js';
import { checkTerms } from '../secure-update/key-epoch-terms.js';
import type { KeyEpochStore } from '../secure-update/key-epoch-store.js';
import type { Uploader } from '../secure-update/uploader.js';

/** How a site computes what a task asks, and what it keeps account of. */
export interface TaskVectors {
  /** A round has begun: its training follows the key ceremony. */
  prepare(): void;
  /**
   * @param signal ends what is computed
   * @returns this site's integers, ready to encrypt
   */
  compute(task: Task, signal: AbortSignal): Promise<Uint32Array>;
  /** Must be called when an encrypted answer of the round is on disk and before a byte of it is sent. */
  released(round: ChargedRound): void;
  /** Must be called before a task of a charged round is refused: what is said then is what the charge paid for. */
  refused(round: ChargedRound): void;
}

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
    await this.encryptOnce(assignment, withdrawn);
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
  async encryptOnce(
    { task: name, input, keyEpochId, sumId, sumIndex }: AssignmentOf<'task'>,
    withdrawn: AbortSignal,
  ): Promise<void> {
    if (this.uploader.made(keyEpochId, sumId)) return;
    const task = taskOf(name, input);
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

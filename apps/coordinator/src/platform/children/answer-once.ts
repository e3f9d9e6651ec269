import { CodedError, toWire } from '@koinon/contracts';
import type { Reply } from './ask-child.js';

/** The child's end of `askChild`: takes one question over IPC, answers once, ends. What has no code ends the process. */
export function answerOnce<Answer>(answer: (question: never) => Answer | Promise<Answer>): void {
  process.once('message', (question) => {
    void reply(question as never).then((message) => process.send?.(message, () => process.disconnect()));
  });
  // The coordinator is gone: nobody is left to answer.
  process.on('disconnect', () => process.exit());

  async function reply(question: never): Promise<Reply<Answer>> {
    try {
      return { answer: await answer(question) };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return { failure: toWire(error) };
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type Assignment } from '@koinon/contracts';
import type { CoordinatorLink } from '@koinon/site-client';

/** A site whose run was cancelled is free for the next one within this time and one answer. */
const ASK_EVERY_MS = 2_000;

const isOf =
  (sumId: string) =>
  (assignment: Assignment): boolean =>
    'sumId' in assignment && assignment.sumId === sumId;

/**
 * Runs a task that takes minutes for as long as the coordinator still wants its result, asking now and then.
 * @param task is told by its signal to stop
 * @throws CodedError ROUND_DEADLINE_PASSED when the assignment was withdrawn; else what the task throws
 */
export async function whileAssigned<T>(
  link: Pick<CoordinatorLink, 'assignments'>,
  sumId: string,
  task: (signal: AbortSignal) => Promise<T>,
  askEveryMs = ASK_EVERY_MS,
): Promise<T> {
  const [withdrawn, ended] = [new AbortController(), new AbortController()];
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await sleep(askEveryMs, undefined, { signal: ended.signal });
      // A coordinator that is away has withdrawn nothing.
      const asked = await link.assignments(0).catch(() => undefined);
      if (asked && !asked.assignments.some(isOf(sumId))) return withdrawn.abort();
    }
  };
  // It rejects only where its sleep was ended with the task.
  void watch().catch(() => undefined);
  try {
    return await task(withdrawn.signal);
  } catch (error) {
    throw withdrawn.signal.aborted
      ? new CodedError('ROUND_DEADLINE_PASSED', 'the coordinator no longer waits for it')
      : error;
  } finally {
    ended.abort();
  }
}

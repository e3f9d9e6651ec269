import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { CodedError, PROTOCOL, type Assignment, type Assignments } from '@koinon/contracts';
import { describe, expect, it, vi } from 'vitest';
import { whileAssigned } from './while-assigned.js';

const sumId = randomUUID();
const evaluate = (id: string) => ({ kind: 'evaluate', sumId: id }) as unknown as Assignment;
const list = (...assignments: Assignment[]): Assignments => ({ protocol: PROTOCOL, assignments, keyEpochs: [] });
const release = { kind: 'release', model: 'heart-disease' } as unknown as Assignment;
/** A task that ends only when it is told to. */
const endless = async (signal: AbortSignal): Promise<never> => {
  await once(signal, 'abort');
  throw new Error('the child was killed');
};

describe('a task of an assignment', () => {
  it('is stopped when the assignment is withdrawn, and its end is told by a code', async () => {
    const assignments = vi
      .fn<() => Promise<Assignments>>(async () => list(release, evaluate(randomUUID())))
      .mockResolvedValueOnce(list(evaluate(sumId)));
    await expect(whileAssigned({ assignments }, sumId, endless, 1)).rejects.toMatchObject({
      code: 'ROUND_DEADLINE_PASSED',
    });
    expect(assignments).toHaveBeenCalledTimes(2);
    expect(assignments).toHaveBeenCalledWith(0);
  });

  it('goes on while the coordinator is away, and gives its result', async () => {
    const { promise: askedTwice, resolve } = Promise.withResolvers<void>();
    let asked = 0;
    const assignments = () => {
      if (++asked === 2) resolve();
      return Promise.reject<Assignments>(new CodedError('COORDINATOR_UNREACHABLE'));
    };
    await expect(
      whileAssigned(
        { assignments },
        sumId,
        async (signal) => {
          await askedTwice;
          return signal.aborted;
        },
        1,
      ),
    ).resolves.toBe(false);
  });

  it('that fails by itself fails with its own error, and nobody is asked any more', async () => {
    const assignments = vi.fn<() => Promise<Assignments>>(async () => list(evaluate(sumId)));
    await expect(whileAssigned({ assignments }, sumId, () => Promise.reject(new Error('its own')), 1)).rejects.toThrow(
      'its own',
    );
    expect(assignments).not.toHaveBeenCalled();
  });
});

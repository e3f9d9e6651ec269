import { describe, expect, it } from 'vitest';
import { handlersByName, jobMap, queueNames, type JobHandler, type JobName } from './job-map.js';

const names = Object.keys(jobMap) as JobName[];
const handler = (job: JobName): JobHandler => ({
  job,
  handle: () => Promise.resolve(),
  gaveUp: () => Promise.resolve(),
});

describe('the job map', () => {
  it('starts with exactly one handler for every job', () => {
    expect([...handlersByName(names.map(handler)).keys()].toSorted()).toEqual(names.toSorted());
  });

  it.each(names)('does not start without a handler for %s', (missing) => {
    expect(() => handlersByName(names.filter((name) => name !== missing).map(handler))).toThrow(missing);
  });

  it.each(names)('does not start with two handlers for %s', (twice) => {
    expect(() => handlersByName([...names, twice].map(handler))).toThrow(`two handlers for job ${twice}`);
  });

  it('names every missing job', () => {
    expect(() => handlersByName([])).toThrow(names.join(', '));
  });

  it('puts every job on a queue that a worker serves, and takes ids only', () => {
    const id = '6a9b1cb7-31a0-4fd2-8f0c-111111111111';
    for (const name of names) {
      expect(queueNames).toContain(jobMap[name].queue);
      const { payload } = jobMap[name];
      expect(payload.safeParse({ runId: 'x', sumId: 'x', roundId: 'x', from: 0, to: 1 }).success).toBe(false);
      expect(payload.safeParse({ bytes: 'AAAA' }).success).toBe(false);
    }
    expect(jobMap['sum.shard'].payload.safeParse({ sumId: id, from: 0, to: 1 }).success).toBe(true);
    expect(jobMap['sum.shard'].payload.safeParse({ sumId: id, from: 0.5, to: 1 }).success).toBe(false);
  });
});

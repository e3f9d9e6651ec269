import { describe, expect, it } from 'vitest';
import { releasedIn } from './charge.js';
import { federation, frame, TestSite } from './recipe.fixture.js';
import type { Site } from './site.js';
import { requestedTask, taskOf } from './task.js';
import { taskNames, type TaskRequest } from './task-kinds.js';
import type { FitAsk, FitResult } from './fit.js';

const coded = (code: string) => expect.objectContaining({ code });
const plain: FitAsk = { weighting: 'records', proximalMu: 0, controlVariate: false, control: null };
const fit = (ask: Partial<FitAsk> = {}): TaskRequest => ({ task: 'fit', on: 'base', ask: { ...plain, ...ask } });
const requests: Record<(typeof taskNames)[number], TaskRequest> = {
  fit: fit({ controlVariate: true, weighting: 'uniform' }),
  evaluate: { task: 'evaluate', on: 'next', ask: {} },
};
const sites = [
  { delta: [0.5, -0.25, 0], records: 50 },
  { delta: [0.1, 0.75, -0.3], records: 300 },
].map(({ delta, records }) => new TestSite(() => ({ delta: Float32Array.from(delta), records })));

/** What the sum of these sites' vectors says. */
async function summed(request: TaskRequest, of: readonly Site[], told = frame()): Promise<unknown> {
  const task = requestedTask(request, told);
  const vectors = await Promise.all(of.map((site) => task.compute(site)));
  return task.decode(
    vectors[0]!.map((_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0)),
    of.length,
  );
}

describe.each([8, 16] as const)('every kind of task in integers of %i bits', (bits) => {
  it.each(taskNames)('%s gives as many as both sides count on, below 2^bits', async (name) => {
    const told = frame({ federation: federation(bits) });
    const task = requestedTask(requests[name], told);
    const vector = await task.compute(sites[0]!);
    expect(vector).toHaveLength(task.width(3));
    expect(vector.every((value) => value < 2 ** bits)).toBe(true);
  });

  it('fit weighs by records, at most maxRecords, or all alike', async () => {
    const told = frame({ federation: federation(bits) });
    // Four steps of the coarser grid, divided by the least weight.
    const tolerance = 4 / (2 ** (bits - 1) - 1) / 1.5;
    const { delta: weighted } = (await summed(fit(), sites, told)) as FitResult;
    const { delta: alike } = (await summed(fit({ weighting: 'uniform' }), sites, told)) as FitResult;
    for (const [i, wanted] of [(0.5 * 50 + 0.1 * 100) / 150, (-0.25 * 50 + 0.75 * 100) / 150, -30 / 150].entries()) {
      expect(Math.abs(weighted[i]! - wanted)).toBeLessThan(tolerance);
    }
    for (const [i, wanted] of [0.3, 0.25, -0.15].entries())
      expect(Math.abs(alike[i]! - wanted)).toBeLessThan(tolerance);
  });
});

describe('a task', () => {
  it('tells a site what its kind needs and nothing else', () => {
    const keys = (name: keyof typeof requests) =>
      Object.keys(requestedTask(requests[name], frame({ seed: 7 })).input).toSorted();
    const records = ['federation', 'modelSha256', 'recordsSchemaSha256'];
    const asked = ['control', 'controlVariate', 'counted', 'noiseMultiplier', 'proximalMu', 'seed', 'weighting'];
    expect(keys('evaluate')).toEqual(records);
    expect(keys('fit')).toEqual([...records, ...asked, 'round', 'runId'].toSorted());
  });

  it('is the same at a site, and refused there where it is unknown or not what its kind takes', () => {
    const { input } = requestedTask(fit(), frame());
    expect(taskOf('fit', JSON.parse(JSON.stringify(input))).input).toEqual(input);
    for (const name of ['histogram', 'toString']) expect(() => taskOf(name, input)).toThrow(coded('TASK_NOT_OFFERED'));
    const wrongs: object[] = [{ proximalMu: 1001 }, { noiseMultiplier: -1 }, { round: 0 }, { control: 'c' }];
    // One training in two scalings, a vector that nothing is made of, and a round that is said to have counted before it was.
    wrongs.push({ controlVariate: true }, { control: 'c0'.repeat(32) }, { counted: { fit: 1 } });
    for (const wrong of wrongs) {
      expect(() => taskOf('fit', { ...input, ...wrong })).toThrow(coded('REQUEST_INVALID'));
    }
  });

  it('charges the steps of every round and one record count, once, and no evaluation', () => {
    const { charges } = requestedTask(fit(), frame());
    const steps = { kind: 'sampled-gaussian', noiseMultiplier: 4, samplingRate: 0.3 };
    const count = { kind: 'gaussian', noiseMultiplier: 10, releases: 1 };
    expect(releasedIn(charges, 1)).toEqual([{ ...steps, steps: 2 }, count]);
    expect(releasedIn(charges, 5)).toEqual([{ ...steps, steps: 10 }, count]);
    expect(requestedTask(requests.evaluate, frame()).charges).toEqual([]);
  });

  it('says of which charged round it is an answer', () => {
    const { runId } = frame();
    expect(taskNames.map((name) => [name, requestedTask(requests[name], frame({ round: 3 })).answers])).toEqual([
      ['fit', { runId, round: 3 }],
      ['evaluate', null],
    ]);
  });

  it('refuses an update of which most would be clipped away, at the site and of all together', async () => {
    const far = new TestSite(() => ({ delta: Float32Array.of(2, -2, 0), records: 50 }));
    await expect(requestedTask(requests.fit, frame()).compute(far)).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
    });
    expect(far.made.size).toBe(0);
    const edge = new TestSite(() => ({ delta: Float32Array.of(0.999, -0.999, 0), records: 50 }));
    await expect(summed(fit(), [edge, edge])).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
  });
});

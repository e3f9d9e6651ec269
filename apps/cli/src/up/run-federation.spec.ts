import { CodedError, type RunView } from '@koinon/contracts';
import { type KoinonClient } from '@koinon/client';
import { describe, expect, it } from 'vitest';
import { roundView, runView } from '../testing/views.js';
import { planFrom } from './options.js';
import { follow, requireDone, startOrResume } from './run-federation.js';

const plan = planFrom({ format: 'text', seed: 3 });
const ours = (state: RunView['state'], id: string): RunView => runView([], { id, state, seed: 3, spec: plan.spec });

/** A coordinator with these runs, newest first; starting one adds it. */
function coordinator(runs: RunView[], start: () => RunView = () => ours('running', 'new')): KoinonClient {
  return {
    runs: () => Promise.resolve(runs),
    putBlob: () => Promise.resolve(),
    startRun: async () => start(),
  } as unknown as KoinonClient;
}

describe('startOrResume', () => {
  it.each(['running', 'done'] as const)('takes up the run of the same plan that is %s', async (state) => {
    expect((await startOrResume(coordinator([ours('failed', 'last'), ours(state, 'earlier')]), plan)).id).toBe(
      'earlier',
    );
  });

  it('starts one when there is none, or only of another plan', async () => {
    const otherSeed = { ...ours('done', 'seed'), seed: 4 };
    const otherSpec = { ...ours('done', 'spec'), spec: { ...plan.spec, rounds: 9 } };
    expect(
      (await startOrResume(coordinator([otherSeed, otherSpec, ours('failed', 'f'), ours('cancelled', 'c')]), plan)).id,
    ).toBe('new');
  });

  it('finds the run again when the answer to its start was lost', async () => {
    const runs: RunView[] = [];
    const lost = (): never => {
      runs.push(ours('running', 'lost'));
      throw new CodedError('RUN_ACTIVE');
    };
    expect((await startOrResume(coordinator(runs, lost), plan)).id).toBe('lost');
  });

  it('does not mistake somebody else’s run for it', async () => {
    const active = (): never => {
      throw new CodedError('RUN_ACTIVE');
    };
    await expect(
      startOrResume(coordinator([{ ...ours('running', 'theirs'), seed: 4 }], active), plan),
    ).rejects.toMatchObject({ code: 'RUN_ACTIVE' });
  });
});

describe('follow', () => {
  it('gives every view away and ends with the run', async () => {
    const views = [runView([]), runView([roundView(1)], { state: 'done' })];
    const client = { run: async () => views.shift()! } as unknown as KoinonClient;
    const said: string[] = [];
    const seen: string[] = [];
    const ended = await follow(
      client,
      'id',
      (line) => said.push(line),
      new AbortController().signal,
      (run) => seen.push(run.state),
    );
    expect(ended.state).toBe('done');
    expect(seen).toEqual(['running', 'done']);
    expect(said).toHaveLength(1);
  });

  it('stops with the signal’s reason', async () => {
    const stopping = new AbortController();
    const client = { run: async () => runView([]) } as unknown as KoinonClient;
    const followed = follow(client, 'id', () => undefined, stopping.signal);
    stopping.abort(new CodedError('DATABASE_UNREACHABLE'));
    await expect(followed).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });
});

describe('requireDone', () => {
  const failed = (exclusions: RunView['rounds'][number]['exclusions']): RunView =>
    runView([roundView(1, { state: 'failed', exclusions })], {
      state: 'failed',
      failure: { code: 'ROUND_QUORUM_MISSED', detail: 'va' },
    });

  it('lets a run pass that is done', () => {
    expect(() => requireDone(runView([roundView(1)], { state: 'done' }))).not.toThrow();
  });

  it('names the hospitals and what to do about a spent budget', () => {
    expect(() => requireDone(failed([{ site: 'va', code: 'SITE_DATA_INVALID' }]))).toThrow(
      expect.objectContaining({ code: 'ROUND_QUORUM_MISSED', detail: 'run failed; va: SITE_DATA_INVALID' }),
    );
    expect(() => requireDone(failed([{ site: 'va', code: 'BUDGET_EXHAUSTED' }]))).toThrow(/another --seed/);
    expect(() => requireDone(failed([]))).toThrow(expect.objectContaining({ detail: 'run failed; va' }));
    expect(() =>
      requireDone(runView([], { state: 'cancelled', failure: { code: 'RUN_CANCELLED', detail: null } })),
    ).toThrow(expect.objectContaining({ code: 'RUN_CANCELLED', detail: 'run cancelled' }));
  });
});

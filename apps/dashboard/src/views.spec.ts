import { describe, expect, it } from 'vitest';
import type { KoinonEvent, RunView } from '@koinon/contracts';
import { Views, withRun, type Reads } from './views.js';

const runOf = (id: string, state: RunView['state'] = 'running') => ({ id, state }) as RunView;
const event = (topic: KoinonEvent['topic'], runId: string | null = null): KoinonEvent => ({
  topic,
  id: 'x',
  runId,
  at: '2026-11-23T06:00:00Z',
});
/** Lets every promise that can settle do so. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

async function watched() {
  const asked: string[] = [];
  const answer = <T>(name: string, value: T) => (asked.push(name), Promise.resolve(value));
  const reads = {
    runs: () => answer('runs', [runOf('old', 'done')]),
    run: (id: string) => answer(`run ${id}`, runOf(id)),
    models: () => answer('models', []),
    sites: () => answer('sites', []),
    version: () => answer('version', {}),
  } as unknown as Reads;
  const views = new Views(reads, () => {});
  for (const view of [views.runs, views.models, views.sites, views.version('m', 1)]) view.subscribe(() => {});
  await settle();
  asked.length = 0;
  return { views, asked };
}

describe('Views.touch', () => {
  it.each(['run', 'round', 'key-epoch'] as const)('reads only the run a %s belongs to', async (topic) => {
    const { views, asked } = await watched();
    views.touch(event(topic, 'new'));
    await settle();
    expect(asked).toEqual(['run new']);
    expect(views.runs.get().data?.map((r) => r.id)).toEqual(['new', 'old']);
  });
  it('reads what a new version changes', async () => {
    const { views, asked } = await watched();
    views.touch(event('version'));
    await settle();
    expect(asked.toSorted()).toEqual(['models', 'version']);
  });
  it('reads what a site changes: itself and what it serves', async () => {
    const { views, asked } = await watched();
    views.touch(event('site'));
    await settle();
    expect(asked.toSorted()).toEqual(['models', 'sites', 'version']);
  });
  it('reads everything after a gap', async () => {
    const { views, asked } = await watched();
    views.touchAll();
    await settle();
    expect(asked.toSorted()).toEqual(['models', 'runs', 'sites', 'version']);
  });
});

describe('withRun', () => {
  it('replaces a run in its place', () => {
    const runs = withRun([runOf('a'), runOf('b')], runOf('b', 'done'));
    expect(runs.map((r) => [r.id, r.state])).toEqual([
      ['a', 'running'],
      ['b', 'done'],
    ]);
  });
});

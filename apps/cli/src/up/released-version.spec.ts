import type { VersionView } from '@koinon/contracts';
import { describe, expect, it } from 'vitest';
import { runView } from '../testing/views.js';
import { releasedVersion } from './released-version.js';

const run = runView([], { state: 'done' });
const view = (version: number, runId: string | null, ...aliases: string[]) =>
  ({ version, runId, aliases }) as unknown as VersionView;
const before = [view(1, null), view(2, run.id)];

describe('releasedVersion', () => {
  it('is the last version of the run', () => {
    expect(releasedVersion([view(3, run.id, 'champion'), ...before], run).version).toBe(3);
  });

  it('is what another run promoted later', () => {
    expect(releasedVersion([view(4, 'another', 'champion'), view(3, run.id), ...before], run).version).toBe(4);
  });

  it.each([
    ['nothing else', [view(3, run.id)]],
    ['an earlier run’s version', [view(3, run.id), view(1, 'another', 'champion')]],
    ['an earlier version of its own', [view(3, run.id), view(2, run.id, 'champion')]],
  ])('is missing when the gate held it back and hospitals serve %s', (_name, versions) => {
    expect(() => releasedVersion(versions, run)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
  });
});

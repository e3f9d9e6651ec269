import type { Federation, RunView } from '@koinon/contracts';
import { epsilonOf } from '@koinon/privacy';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { releasedIn } from '../recipe/noise.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';

/** Ids whose simulated updates are the same, so that their mean lies where each of them does. */
const alike = { 'site-a': {}, 'site-f': {}, 'site-k': {} };

describe('a run', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), alike);
  const work = async (spec: Federation, model?: Uint8Array): Promise<RunView> => {
    const { id } = await startRun(federation.coordinator, spec, model);
    for (const site of federation.sites) site.work();
    return ended(federation.coordinator, id);
  };

  it('that starts from a registered version continues its lineage and its ε, and only under its name', async () => {
    const { client } = federation.coordinator;
    const spec: Federation = {
      ...tinySpec({ rounds: 2 }),
      privacy: { ...tinySpec().privacy, epsilon: 0.6, accountant: 'rdp', recordCountNoise: 10 },
    };
    const first = await work(spec);
    const version = first.rounds[0]!.version!;
    const file = await client.modelFile('tiny', version);
    const second = await work(spec, file);
    const versions = (await client.model('tiny')).versions
      .filter((v) => v.runId === second.id)
      .toSorted((a, b) => a.version - b.version);
    const [base, , last] = await Promise.all(versions.map((v) => client.version('tiny', v.version)));
    expect(base!.lineage).toMatchObject({
      baseVersion: version,
      round: 0,
      privacy: (await client.version('tiny', version)).lineage.privacy,
    });
    // One round of the first run, after which the second branched off, and both of the second.
    const released = [
      ...releasedIn(spec, first.privacy.noiseMultiplier, 1),
      ...releasedIn(spec, second.privacy.noiseMultiplier, 2),
    ];
    expect(last!.lineage.privacy!.epsilonSpent).toBeCloseTo(epsilonOf(released, spec.privacy.delta, 'rdp'), 9);
    expect(last!.lineage.privacy!.epsilonSpent).toBeGreaterThan(0.6);
    await expect(startRun(federation.coordinator, tinySpec({ name: 'renamed' }), file)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      detail: expect.stringContaining(`version ${version} of tiny`) as string,
    });
  });

  it('that starts again from the file of an earlier one is a new beginning: nothing was trained into it', async () => {
    const run = await startRun(federation.coordinator, tinySpec(), tinyModel());
    await federation.coordinator.client.cancelRun(run.id);
    const [base] = (await federation.coordinator.client.model('tiny')).versions;
    expect((await federation.coordinator.client.version('tiny', base!.version)).lineage).toMatchObject({
      runId: run.id,
      baseVersion: null,
      privacy: null,
    });
  });

  it('whose updates all lie at the range they are clipped to ends in no version, though no site saw it of its own', async () => {
    // Three of four weights moved by 0.2176 or more: a site counts what reaches the range, a mean also what lies just below it.
    const run = await work({
      ...tinySpec({ name: 'diverged' }),
      encryption: { scheme: 'one-time-key', bits: 16, range: 0.2187 },
    });
    expect(run).toMatchObject({ state: 'failed', failure: { code: 'TRAINING_DIVERGED' }, rounds: [{ version: null }] });
    expect(await federation.coordinator.query('SELECT 1 FROM model_aliases WHERE model = $1', ['diverged'])).toEqual(
      [],
    );
  });
});

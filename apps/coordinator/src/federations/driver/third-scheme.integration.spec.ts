import { withDatabase } from '@koinon/testing';
import { describe, expect, it, vi } from 'vitest';
import { expectOpenedOnce, expectPlainFedAvg } from '../../testing/fed-avg-check.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

vi.mock('@koinon/he', async (original) => {
  const he = await original<typeof import('@koinon/he')>();
  return { ...he, schemes: (await import('@koinon/he/testing')).withPlainMasking };
});

describe('a scheme that nothing knows but the list of schemes', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });

  it('takes a federation that names it from its file to its versions', async () => {
    const { coordinator, sites } = federation;
    const spec = tinySpec({ name: 'masked' });
    const { id } = await startRun(coordinator, {
      ...spec,
      encryption: { ...spec.encryption, scheme: 'plain-masking' },
    });
    for (const site of sites) site.work();
    const run = await ended(coordinator, id);
    expect(run).toMatchObject({
      state: 'done',
      encryption: { scheme: 'plain-masking', title: 'plain masking', valuesPerBlock: 256 },
    });
    await expectPlainFedAvg(federation, run);
    await expectOpenedOnce(federation);
    const lineage = (await coordinator.client.version('masked', run.rounds[0]!.version!)).lineage;
    expect(lineage.encryption).toMatchObject({ scheme: 'plain-masking' });
  });
});

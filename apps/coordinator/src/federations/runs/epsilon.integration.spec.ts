import type { Federation } from '@koinon/contracts';
import { epsilonOf } from '@koinon/privacy';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { releasedIn } from '../recipe/noise.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('the mirror of the sites’ ledgers', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  const privacy = async (id: string) =>
    (await federation.coordinator.client.runs()).find((run) => run.id === id)!.privacy;

  it('is kept with the run, so that who looks at it waits for no accountant', async () => {
    const { coordinator } = federation;
    const base = tinySpec({ name: 'noisy', rounds: 2 });
    const spec: Federation = {
      ...base,
      privacy: { ...base.privacy, epsilon: 1.2, accountant: 'pld', recordCountNoise: 10 },
    };
    const {
      id,
      privacy: { noiseMultiplier, ...before },
    } = await startRun(coordinator, spec);
    expect(before).toEqual({ unit: 'record', epsilonBudget: 1.2, epsilonSpent: 0, delta: spec.privacy.delta });
    for (const site of federation.sites) site.work();
    await ended(coordinator, id);

    const [first, second] = [1, 2].map((rounds) =>
      epsilonOf(releasedIn(spec, noiseMultiplier, rounds), spec.privacy.delta, 'pld'),
    );
    expect(await coordinator.query('SELECT epsilon_after FROM runs WHERE id = $1', [id])).toEqual([
      { epsilon_after: { 1: first, 2: second } },
    ]);
    expect(first).toBeLessThan(second!);
    expect(second).toBeLessThanOrEqual(1.2);
    expect(await privacy(id)).toMatchObject({ epsilonSpent: second, noiseMultiplier });

    await coordinator.query(`UPDATE runs SET epsilon_after = '{"2": 0.123}' WHERE id = $1`, [id]);
    expect(await privacy(id)).toMatchObject({ epsilonSpent: 0.123 });
    // A run from before it was kept.
    await coordinator.query(`UPDATE runs SET epsilon_after = '{}' WHERE id = $1`, [id]);
    expect(await Promise.all([privacy(id), privacy(id)])).toEqual(
      Array(2).fill(expect.objectContaining({ epsilonSpent: second })),
    );
    expect(await coordinator.query('SELECT epsilon_after FROM runs WHERE id = $1', [id])).toEqual([
      { epsilon_after: { 2: second } },
    ]);
  });

  it('has no figure for training without noise', async () => {
    const { id, privacy: before } = await startRun(federation.coordinator, tinySpec());
    expect(before).toMatchObject({ epsilonSpent: 0, epsilonBudget: null });
    await ended(federation.coordinator, id);
    expect(await privacy(id)).toMatchObject({ epsilonSpent: null, epsilonBudget: null });
  });
});

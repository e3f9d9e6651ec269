/** Runs in a real browser over fixed views: the states that are hard to reach with a real federation, and how they change. */
import { describe, expect, it, vi } from 'vitest';
import { ago, uuid } from './fixtures/federation.js';
import { doneRounds, failedRun, finishedRun, round, run, runningRun } from './fixtures/runs.js';
import { textOf, withDashboard } from './testing/with-dashboard.js';

const { serve, open } = withDashboard();

describe('runs', () => {
  it('shows the running one with its guarantees, states, sites and figures', async () => {
    const dashboard = await open(await serve());
    await dashboard.waitUntilLive();
    expect(await textOf(dashboard.page.locator('.run-head'))).toMatch(
      /heart-disease.*running.*4 of 5.*3 of 4.*threshold CKKS.*0\.94 of 1\.2.*fedavg/,
    );
    expect(await dashboard.phase('planned').getAttribute('data-status')).toBe('past');
    expect(await dashboard.phase('collecting').getAttribute('aria-current')).toBe('step');
    expect(await textOf(dashboard.panel(/^Round 4/).getByRole('row', { name: /switzerland/ }))).toContain('awaited');
    expect(await textOf(dashboard.roundRow(3))).toMatch(/4 of 4 1\.0 MB \.781 \.866 \.768 v4/);
    expect(await dashboard.page.getByRole('img', { name: /AUC \.801 to \.866/ }).count()).toBe(1);
    expect(await dashboard.announcement.textContent()).toBe('Round 4 of 5: collecting.');
    expect(dashboard.complaints).toEqual([]);
  });

  it('shows why a site was excluded, in the table and in the round', async () => {
    const dashboard = await open(await serve());
    expect(await textOf(dashboard.roundRow(2))).toContain('switzerland ROUND_DEADLINE_PASSED');
    await dashboard.roundRow(2).getByRole('button').click();
    expect(await textOf(dashboard.panel(/^Round 2/).getByRole('row', { name: /switzerland/ }))).toContain(
      'The deadline of the round has passed; the update was not taken.',
    );
  });

  it('shows a failure with its code, its public message and the state it happened in', async () => {
    const dashboard = await open(await serve({ runs: [failedRun()] }));
    await dashboard.phase('decrypting').waitFor();
    expect(await textOf(dashboard.page.locator('.note.bad'))).toBe(
      'The run stopped. SHARES_MISSING One of the fixed decryptors did not deliver its decryption share before the deadline; the sum is not decrypted. Details: hungary.',
    );
    expect(await dashboard.phase('decrypting').getAttribute('data-status')).toBe('failed');
    expect(await dashboard.phase('updating').getAttribute('data-status')).toBe('ahead');
  });

  it('makes no promise about privacy without noise', async () => {
    const dashboard = await open(
      await serve({
        runs: [run({ name: 'plain', startedAgo: 90, state: 'done', noise: false, rounds: doneRounds(1, 80) })],
      }),
    );
    await dashboard.page.getByText('no noise, no bound').waitFor();
  });

  it('explains a run without rounds, no run at all, and a run it does not know', async () => {
    const server = await serve({ runs: [run({ name: 'young', startedAgo: 2, state: 'running', rounds: [] })] });
    const dashboard = await open(server);
    await dashboard.page.getByRole('heading', { name: 'Before the first round' }).waitFor();
    server.views.runs = [];
    await dashboard.page.reload();
    await dashboard.page.getByRole('heading', { name: 'No run yet' }).waitFor();
    const other = await open(await serve(), `#/runs/${uuid('nobody')}`);
    await other.page.getByRole('heading', { name: 'This run is not known' }).waitFor();
  });
});

describe('live updates', () => {
  it('follow an event without asking for more than what changed', async () => {
    const server = await serve();
    const dashboard = await open(server);
    await dashboard.waitUntilLive();
    await dashboard.phase('collecting').waitFor();
    await vi.waitFor(() => expect(server.asked.filter((path) => path === '/v1/runs')).toHaveLength(2));
    server.asked.length = 0;
    const next = runningRun();
    next.rounds[3] = round({ number: 4, startedAgo: 12, state: 'decrypting' });
    server.views.runs = [finishedRun(), next];
    server.emit({ topic: 'round', id: next.rounds[3].id, runId: next.id, at: ago(0) });
    await dashboard.page.locator('.phase[data-phase=decrypting][data-status=now]').waitFor();
    expect(server.asked).toEqual([`/v1/runs/${next.id}`]);
    expect(await dashboard.announcement.textContent()).toBe('Round 4 of 5: decrypting.');
  });

  it('reconnect after a gap and read what was missed', async () => {
    const server = await serve();
    const dashboard = await open(server);
    await dashboard.waitUntilLive();
    server.views.broken = 'DATABASE_UNREACHABLE';
    server.dropStreams();
    await dashboard.page.locator('.live[data-state=reconnecting]').waitFor();
    delete server.views.broken;
    server.views.runs = [failedRun()];
    await dashboard.waitUntilLive();
    await dashboard.page.locator('.note.bad').waitFor();
  });

  it('keep the last answer beside the error when a view cannot be read', async () => {
    const server = await serve();
    const dashboard = await open(server);
    await dashboard.waitUntilLive();
    await dashboard.phase('collecting').waitFor();
    await vi.waitFor(() => expect(server.asked.filter((path) => path === '/v1/runs')).toHaveLength(2));
    server.views.broken = 'DATABASE_UNREACHABLE';
    server.emit({ topic: 'run', id: uuid('current'), runId: null, at: ago(0) });
    const alert = dashboard.page.getByRole('alert');
    await alert.waitFor();
    expect(await textOf(alert)).toContain('DATABASE_UNREACHABLE PostgreSQL does not answer');
    expect(await dashboard.phase('collecting').count()).toBe(1);
    delete server.views.broken;
    await alert.getByRole('button', { name: 'Try again' }).click();
    await alert.waitFor({ state: 'detached' });
  });
});

/** The dashboard in a real browser over fixed views: the states that are hard to reach with a real federation. */
import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchBrowser } from './browser.js';
import { launchDashboard, type DashboardPage } from './dashboard.page.js';
import { FixtureServer, type FixtureViews } from './fixture-server.js';
import {
  ago,
  doneRounds,
  failedRun,
  finishedRun,
  heartModel,
  invitedSite,
  round,
  run,
  runningRun,
  sites,
  uuid,
  versionDetail,
} from './fixtures.js';

let browser: Browser;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const everything = (): FixtureViews => ({
  runs: [finishedRun(), runningRun()],
  models: [heartModel()],
  sites: [...sites(), invitedSite()],
  versions: [1, 2, 3, 4, 5, 6].map((version) => versionDetail(version)),
});

async function serve(views: Partial<FixtureViews> = {}): Promise<FixtureServer> {
  const server = new FixtureServer({ ...everything(), ...views });
  await server.start();
  closers.push(() => server.close());
  return server;
}

async function open(
  server: FixtureServer,
  path = '',
  options: Parameters<typeof launchDashboard>[2] = {},
): Promise<DashboardPage> {
  const link = path ? `${server.url}${path}?token=${server.token}` : server.link;
  const { dashboard, close } = await launchDashboard(browser, link, options);
  closers.push(close);
  return dashboard;
}

const textOf = async (locator: { innerText(): Promise<string> }) =>
  (await locator.innerText()).replace(/\s+/g, ' ').trim();

describe('token', () => {
  it('is taken from the link, leaves the address bar and survives a reload', async () => {
    const server = await serve();
    const dashboard = await open(server);
    await dashboard.waitUntilLive();
    expect(dashboard.page.url()).toBe(`${server.url}#/`);
    await dashboard.page.reload();
    await dashboard.waitUntilLive();
    expect(dashboard.complaints).toEqual([]);
  });

  it('is asked for when it is missing, and a pasted link opens the page', async () => {
    const server = await serve();
    const { dashboard, close } = await launchDashboard(browser, server.url);
    closers.push(close);
    const { page } = dashboard;
    await page.getByRole('heading', { name: 'Open the dashboard with its link' }).waitFor();
    expect(server.asked).toEqual([]);
    await page.getByLabel('Link or token').fill('nothing');
    await page.getByRole('button', { name: 'Open' }).click();
    expect(await page.getByRole('alert').innerText()).toContain('no token');
    await page.getByLabel('Link or token').fill(server.link);
    await page.keyboard.press('Enter');
    await dashboard.waitUntilLive();
  });

  it('that is not taken leads back to the question', async () => {
    const server = await serve();
    const { dashboard, close } = await launchDashboard(browser, `${server.url}#token=expired-token`);
    closers.push(close);
    await dashboard.page.getByRole('heading', { name: 'This link is no longer valid' }).waitFor();
  });
});

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

describe('models', () => {
  it('answer what serves, where it came from and how it is doing in two clicks', async () => {
    const dashboard = await open(await serve());
    await dashboard.goTo('Models');
    const serving = dashboard.page.locator('.served').first();
    await serving.getByRole('row', { name: /Cleveland Clinic/ }).waitFor();
    expect(await textOf(serving)).toMatch(
      /Serves now at 3 sites Version 6 champion.*\.802.*\.881.*Cleveland Clinic 0\.21 ms 0\.61 ms/,
    );
    await serving.getByRole('link', { name: 'Where it came from' }).click();
    await dashboard.panel('Where it came from').waitFor();
    const graph = await textOf(dashboard.page.locator('.lineage'));
    expect(graph).toMatch(
      /Base version v5.*round 5.*Cohort 4 of 4 delivered cleveland.*Sum root.*Key epoch.*Opened by.*fedavg.*ε spent per record 1\.2.*This version v6/,
    );
    expect(await textOf(dashboard.page.locator('.ancestors'))).toMatch(/v1 .*v2 .*v6/);
    expect(dashboard.complaints).toEqual([]);
  });

  it('name the exclusions of a version and hand out the statement that was signed', async () => {
    const dashboard = await open(await serve(), '#/models/heart-disease/3');
    expect(await textOf(dashboard.page.locator('.uploads [data-excluded]'))).toContain('ROUND_DEADLINE_PASSED');
    await dashboard.page.getByText('says what this page shows').waitFor();
    const [download] = await Promise.all([
      dashboard.page.waitForEvent('download'),
      dashboard.page.getByRole('link', { name: 'Download the statement' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('heart-disease-v3.dsse.json');
    expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toEqual(versionDetail(3).statement);
  });

  it('give every setting of the recipe a value, switches too', async () => {
    const dashboard = await open(await serve(), '#/models/heart-disease/3');
    const recipe = await textOf(dashboard.panel('How it was made'));
    expect(recipe).toMatch(/Local proximal mu 0 .*Local control variate off/);
  });

  it('say so when the statement says something else', async () => {
    const dashboard = await open(
      await serve({ versions: [versionDetail(3, { exclusions: [] })] }),
      '#/models/heart-disease/3',
    );
    await dashboard.page.getByText('says something else than this page').waitFor();
  });

  it('copy a whole digest', async () => {
    const dashboard = await open(await serve(), '#/models/heart-disease/3', {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await dashboard.page.getByRole('button', { name: 'Copy Merkle root of the sum' }).click();
    await dashboard.page.locator('.copy[data-copied=true]').waitFor();
    expect(await dashboard.page.evaluate<string>('navigator.clipboard.readText()')).toBe(
      versionDetail(3).lineage.encryption?.sumRoot,
    );
  });

  it('explain the initial version and that there is no model yet', async () => {
    const first = await open(await serve(), '#/models/heart-disease/1');
    await first.page.getByText('This is the first version').waitFor();
    const none = await open(await serve({ models: [] }), '#/models');
    await none.page.getByRole('heading', { name: 'No model yet' }).waitFor();
  });
});

describe('sites', () => {
  it('show who is there, what they serve and what they spent', async () => {
    const dashboard = await open(await serve(), '#/sites');
    await dashboard.page.locator('.sites-table .epsilon').first().waitFor();
    expect(await textOf(dashboard.tableRow('Sites', /Cleveland/))).toMatch(
      /online .* heart-disease v6 0\.21 ms 0\.61 ms 1,204 0\.94 of 1\.2/,
    );
    expect(await textOf(dashboard.tableRow('Sites', /VA Long Beach/))).toContain('quiet 3 min ago heart-disease v5');
    expect(await textOf(dashboard.tableRow('Sites', /stanford/))).toMatch(/invited never nothing.*not enrolled/);
    await dashboard.page.getByText('3 of 5 sites online').waitFor();
  });
});

describe('every page', () => {
  const pages = ['#/', '#/models', '#/models/heart-disease/3', '#/sites', '#/nowhere'];

  it.each(['light', 'dark'] as const)(
    'fits a phone, breaks no policy and keeps text readable in %s',
    async (colorScheme) => {
      const server = await serve({ runs: [failedRun(), finishedRun()] });
      for (const path of pages) {
        const dashboard = await open(server, path, {
          viewport: { width: 390, height: 844 },
          colorScheme,
          reducedMotion: 'reduce',
        });
        await dashboard.waitUntilLive();
        await dashboard.heading.first().waitFor();
        const found = {
          path,
          overflows: await dashboard.overflows(),
          faint: await dashboard.faintTexts(),
          complaints: dashboard.complaints,
        };
        expect(found).toEqual({ path, overflows: false, faint: [], complaints: [] });
      }
    },
  );

  it('can be used with the keyboard alone', async () => {
    const dashboard = await open(await serve());
    await dashboard.waitUntilLive();
    await dashboard.page.keyboard.press('Tab');
    expect(await dashboard.page.locator(':focus').innerText()).toBe('Skip to the content');
    await dashboard.page.keyboard.press('Enter');
    expect(await dashboard.page.locator(':focus').getAttribute('id')).toBe('main');
    await dashboard.roundRow(1).getByRole('button').focus();
    await dashboard.page.keyboard.press('Space');
    expect(await dashboard.roundRow(1).getByRole('button').getAttribute('aria-pressed')).toBe('true');
  });

  it('says that it is loading', async () => {
    const dashboard = await open(await serve({ held: true }));
    await dashboard.page.getByText('Loading the runs').waitFor({ state: 'attached' });
  });
});

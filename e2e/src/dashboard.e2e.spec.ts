/** The dashboard in a real browser over fixed views: who may see it, and what holds on every page. */
import { describe, expect, it } from 'vitest';
import { failedRun, finishedRun } from './fixtures/runs.js';
import { withDashboard } from './testing/with-dashboard.js';

const { serve, open, openLink } = withDashboard();

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
    const dashboard = await openLink(server.url);
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
    const dashboard = await openLink(`${server.url}#token=expired-token`);
    await dashboard.page.getByRole('heading', { name: 'This link is no longer valid' }).waitFor();
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

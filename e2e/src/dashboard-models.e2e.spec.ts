/** Models and the sites that serve them, in a real browser over fixed views. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { versionDetail } from './fixtures/models.js';
import { textOf, withDashboard } from './testing/with-dashboard.js';

const { serve, open } = withDashboard();

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

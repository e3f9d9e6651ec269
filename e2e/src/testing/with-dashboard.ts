import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { launchBrowser } from '../browser.js';
import { launchDashboard, type DashboardPage } from '../dashboard.page.js';
import { FixtureServer, type FixtureViews } from '../fixture-server.js';
import { heartModel, versionDetail } from '../fixtures/models.js';
import { finishedRun, runningRun } from '../fixtures/runs.js';
import { invitedSite, sites } from '../fixtures/sites.js';

type PageOptions = Parameters<typeof launchDashboard>[2];

interface DashboardFixture {
  /** A server of all views, but for those given. */
  serve(views?: Partial<FixtureViews>): Promise<FixtureServer>;
  /** The dashboard over a server, with its token; `path` is what follows the `#`. */
  open(server: FixtureServer, path?: string, options?: PageOptions): Promise<DashboardPage>;
  openLink(link: string, options?: PageOptions): Promise<DashboardPage>;
}

const everything = (): FixtureViews => ({
  runs: [finishedRun(), runningRun()],
  models: [heartModel()],
  sites: [...sites(), invitedSite()],
  versions: [1, 2, 3, 4, 5, 6].map((version) => versionDetail(version)),
});

/** A browser for the tests of a file; servers and pages end with each test. Call it while tests are collected. */
export function withDashboard(): DashboardFixture {
  let browser: Browser;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function openLink(link: string, options: PageOptions = {}): Promise<DashboardPage> {
    const { dashboard, close } = await launchDashboard(browser, link, options);
    closers.push(close);
    return dashboard;
  }
  return {
    async serve(views = {}) {
      const server = new FixtureServer({ ...everything(), ...views });
      await server.start();
      closers.push(() => server.close());
      return server;
    },
    open: (server, path = '', options) =>
      openLink(path ? `${server.url}${path}?token=${server.token}` : server.link, options),
    openLink,
  };
}

export const textOf = async (locator: { innerText(): Promise<string> }): Promise<string> =>
  (await locator.innerText()).replace(/\s+/g, ' ').trim();

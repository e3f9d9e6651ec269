/** The real system, seen from a real browser: a federation from its start to the model that every hospital serves. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from './browser.js';
import { launchDashboard } from './dashboard.page.js';

const koinon = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'koinon e2e '));

/** `koinon up`, as a person starts it: what it says on stderr, what it prints at the end. */
class Up {
  readonly child: ChildProcess;
  private said = '';
  private printed = '';

  constructor() {
    this.child = spawn(process.execPath, [koinon, 'up', '--port', '0', '--format', 'json'], {
      env: { ...process.env, KOINON_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.printed += text));
  }

  /** The first match of what it says, as soon as it has said it. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.said);
      if (found) return found[1] ?? found[0];
      if (this.child.exitCode !== null) throw new Error(`koinon up ended early: ${this.said}`);
      await once(this.child.stderr!, 'data');
    }
  }

  async report(): Promise<{ model: { version: number; sha256: string }; sites: string[] }> {
    await this.says(/serving; press/);
    return JSON.parse(this.printed) as never;
  }
}

/** Pictures for people, beside the other test results. */
const shot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: fileURLToPath(new URL(`../../test-results/${name}.png`, import.meta.url)), fullPage: true });

let up: Up;
let browser: Browser;

beforeAll(async () => {
  up = new Up();
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  if (up.child.exitCode === null) {
    const ended = once(up.child, 'exit');
    up.child.kill('SIGTERM');
    await ended;
  }
  rmSync(home, { recursive: true, force: true });
});

describe('a federation on one machine', () => {
  it('is followed live, and its model’s origin is three clicks away', async () => {
    const url = await up.says(/dashboard (http\S+)/);
    const { dashboard, close } = await launchDashboard(browser, url);
    try {
      await dashboard.waitUntilLive();
      await dashboard.page.getByText('heart-disease').first().waitFor();
      const report = await up.report();
      await dashboard
        .roundRow(5)
        .getByRole('link', { name: `v${report.model.version}` })
        .waitFor();
      await shot(dashboard.page, 'run');
      await dashboard.goTo('Models');
      await dashboard.page
        .getByRole('link', { name: `v${report.model.version}` })
        .first()
        .click();
      const body = dashboard.page.locator('main');
      await body.getByText('champion').first().waitFor();
      for (const site of report.sites) await body.getByText(site).first().waitFor();
      expect(await body.textContent()).toContain(report.model.sha256.slice(0, 8));
      await shot(dashboard.page, 'version');
      await dashboard.goTo('Sites');
      await body.getByText('Cleveland Clinic').waitFor();
      await shot(dashboard.page, 'sites');
      expect(dashboard.complaints).toEqual([]);
    } finally {
      await close();
    }
  });
});

/** What a person can do with the dashboard, for tests against any coordinator, real or not. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

export interface OpenedDashboard {
  readonly dashboard: DashboardPage;
  readonly close: () => Promise<void>;
}

/** @param url what `koinon up` prints as the dashboard's link, token included */
export async function launchDashboard(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedDashboard> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  const page = await context.newPage();
  const dashboard = new DashboardPage(page);
  await page.goto(url);
  return { dashboard, close: () => context.close() };
}

export class DashboardPage {
  /** Everything the browser complained about: scripts that threw, policies that were violated, files that were missing. */
  readonly complaints: string[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
  }

  /** `connecting`, `live` or `reconnecting` */
  get liveState(): Locator {
    return this.page.locator('.live');
  }

  get heading(): Locator {
    return this.page.getByRole('heading', { level: 1 });
  }

  /** What a screen reader is told about the run. */
  get announcement(): Locator {
    return this.page.locator('.run > [role=status]');
  }

  goTo(page: 'Runs' | 'Models' | 'Sites'): Promise<void> {
    return this.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: page }).click();
  }

  panel(name: string | RegExp): Locator {
    return this.page.getByRole('region', { name });
  }

  /** The steps of the shown round that are done or under way, such as `collecting 8.2 s`. */
  phase(name: string): Locator {
    return this.page.locator(`.phase[data-phase=${name}]`);
  }

  roundRow(number: number): Locator {
    return this.panel('Rounds')
      .getByRole('row')
      .filter({ has: this.page.getByRole('button', { name: `Show round ${number}`, exact: true }) });
  }

  tableRow(panel: string, name: string | RegExp): Locator {
    return this.panel(panel).getByRole('row', { name });
  }

  /** Whether the page is wider than the window. */
  async overflows(): Promise<boolean> {
    return this.page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');
  }

  /** Texts with a contrast below 4.5:1 against what is behind them (WCAG 2.2, 1.4.3). */
  async faintTexts(): Promise<string[]> {
    return this.page.evaluate<string[]>(FAINT_TEXTS);
  }

  waitUntilLive(): Promise<void> {
    return this.page.locator('.live[data-state=live]').waitFor();
  }
}

// Runs in the browser. A canvas of one pixel turns any CSS colour, and layers of translucent ones, into bytes.
const FAINT_TEXTS = `(() => {
  const pixel = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const paint = (colours) => {
    for (const colour of colours) { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1); }
    return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const layers = (element) => (element ? [...layers(element.parentElement), getComputedStyle(element).backgroundColor] : ['white']);
  const faint = [];
  for (const element of document.body.querySelectorAll('*')) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join('').trim();
    if (!text || element.closest('.unseen, .skip, svg, noscript')) continue;
    const behind = layers(element);
    const [a, b] = [luminance(paint(behind)), luminance(paint([...behind, getComputedStyle(element).color]))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(text + ' ' + contrast.toFixed(2));
  }
  return faint;
})()`;

/** The one way tests start a browser: Debian's Chromium, which must be installed. */
import { chromium, type Browser } from 'playwright-core';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** @throws Error that says how to install Chromium when it cannot be started */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: flags }).catch((cause: unknown) => {
    throw new Error(`Chromium did not start from ${executablePath}; install it with: apt-get install -y chromium`, {
      cause,
    });
  });
}

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian packages that bring a program and what it needs to be of use. @type {Record<string, string[]>} */
const PACKAGES = { 'redis-server': ['redis-server'], chromium: ['chromium', 'fonts-liberation'] };

/** Its presence with exit code 101 keeps a package from starting its service. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/**
 * Makes sure the programs are there: through apt-get when root on Debian.
 * @param {string[]} programs
 * @returns {string | undefined} what is missing and how to get it
 */
export function ensureTestPrograms(programs) {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return undefined;
  const packages = missing.flatMap((program) => PACKAGES[program] ?? [program]);
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    process.stdout.write(`\n── installing ${packages.join(' ')}\n`);
    install(packages);
  }
  const still = missing.filter((program) => !isInstalled(program));
  return still.length === 0
    ? undefined
    : `${still.join(' and ')} not found: as root, apt-get install ${packages.join(' ')}`;
}

/** @param {string[]} packages */
function install(packages) {
  // The tests start their own servers; installing must not leave a system service behind.
  const isOurPolicy = !existsSync(SERVICE_POLICY);
  if (isOurPolicy) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const { status, stdout, stderr } = spawnSync('apt-get', ['-q', ...args], {
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      if (status !== 0) process.stdout.write(`${stdout}${stderr}`);
    }
  } finally {
    if (isOurPolicy) rmSync(SERVICE_POLICY);
  }
}

/** @param {string} program */
function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

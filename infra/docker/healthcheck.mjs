/**
 * `healthcheck.mjs URL` is well when the URL answers 2xx. `healthcheck.mjs connected` is for a worker,
 * which answers nobody: it is well while it holds a connection to its database or queue.
 */
import { readFileSync } from 'node:fs';

const TIMEOUT_MS = 4_000;
const ESTABLISHED = '01';

const [what = ''] = process.argv.slice(2);
process.exitCode = (what === 'connected' ? isConnected() : await answers(what)) ? 0 : 1;

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}

/** Looks for an established connection in the container's own network namespace. */
function isConnected() {
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .some((line) => line.trim().split(/\s+/)[3] === ESTABLISHED),
  );
}

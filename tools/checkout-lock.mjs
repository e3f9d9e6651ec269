import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs `action` while no other process does so for the same checkout. The lock is a listening socket, so that the kernel ends it
 * with its process, however that ends; who waits holds a connection to it and is woken by its end.
 * @template T
 * @param {string} root @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function exclusively(root, action) {
  const name = `koinon-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`;
  // An abstract name has no file that a killed process could leave behind; only Linux has them.
  const address = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), name);
  for (;;) {
    const release = await acquire(address);
    if (release) return action().finally(release);
    await ended(address);
  }
}

/** @param {string} address @returns {Promise<(() => void) | undefined>} what releases the lock; undefined when another has it */
function acquire(address) {
  /** @type {Set<import('node:net').Socket>} */
  const waiting = new Set();
  const server = createServer((socket) => waiting.add(socket.on('error', () => undefined)));
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(address, () =>
      resolve(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      }),
    );
  });
}

/** Resolves when the process that has the lock releases it or ends. @param {string} address @returns {Promise<void>} */
function ended(address) {
  return new Promise((resolve) => {
    connect(address)
      .once('error', (error) => {
        const isLeftBehind =
          /** @type {NodeJS.ErrnoException} */ (error).code === 'ECONNREFUSED' && !address.startsWith('\0');
        if (isLeftBehind) rmSync(address, { force: true });
      })
      .once('close', () => resolve())
      .resume();
  });
}

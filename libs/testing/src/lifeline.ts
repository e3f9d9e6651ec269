import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Ends process `pid` when this process ends, however it ends: a shell holds the other end of a pipe
 * and signals `pid` when the pipe closes.
 * @returns cuts the line without touching the process
 */
export function tieToThisProcess(pid: number, signal: 'INT' | 'KILL'): () => void {
  const watcher = spawn('sh', ['-c', 'read -r _; kill -s "$1" "$2"', 'sh', signal, String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  // A child's pipe is a socket, though its type says only that it can be written.
  (watcher.stdin as unknown as Socket).unref();
  return () => watcher.kill('SIGKILL');
}

import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

const CHECK_MS = 50;

/**
 * Watches the resident memory of a process that opens models of others: what the runtime takes lies outside of V8's heap, which
 * alone has a limit of its own. Where the kernel does not tell (other than Linux) nothing is seen.
 * @returns what ends the watch
 */
export function watchMemory(child: Pick<ChildProcess, 'pid'>, memoryMb: number, onExceeded: () => void): () => void {
  const timer = setInterval(() => {
    if (residentBytes(child) > memoryMb * 2 ** 20) onExceeded();
  }, CHECK_MS);
  return () => clearInterval(timer);
}

function residentBytes({ pid }: Pick<ChildProcess, 'pid'>): number {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that cannot be mistaken for a later one with the same number: "pid start-time". The start time is in
 * whatever unit the system has; only equality matters.
 */
export type ProcessIdentity = string;

export function identityOf(pid: number): ProcessIdentity {
  return `${pid} ${startOf(pid) ?? ''}`;
}

export function pidOf(identity: ProcessIdentity): number {
  return Number.parseInt(identity, 10);
}

/** Whether that very process still runs. A zombie has ended; only its parent has not noticed. */
export function isRunning(identity: ProcessIdentity): boolean {
  const pid = pidOf(identity);
  if (!(pid > 0)) return false;
  const start = startOf(pid);
  return start !== undefined && identity === `${pid} ${start}`;
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the name, may hold anything; the third is the state and the 22nd the start (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

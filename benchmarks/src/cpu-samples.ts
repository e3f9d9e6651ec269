import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const EVERY_MS = 100;

/** CPU time so far in ms, by role. */
type Sample = Readonly<Record<string, number>>;

/** The CPU time of a federation's processes over time, from Linux's /proc; nothing elsewhere. */
export class CpuSamples implements Disposable {
  private readonly samples: { readonly at: number; readonly cpuMs: Sample }[] = [];
  private readonly timer: NodeJS.Timeout;

  private constructor(cli: number, database: number, tickMs: number) {
    const take = (): void => void this.samples.push({ at: Date.now(), cpuMs: sample(cli, database, tickMs) });
    this.timer = setInterval(take, EVERY_MS);
  }

  static of(cli: number, database: number): CpuSamples {
    const perSecond =
      process.platform === 'linux' ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : NaN;
    return new CpuSamples(cli, database, 1000 / perSecond);
  }

  /** What was used between two moments, in ms since the epoch; exact to a sample. */
  between(from: number, to: number): Sample {
    const last = (at: number): Sample => this.samples.findLast((taken) => taken.at <= at)?.cpuMs ?? {};
    const [before, after] = [last(from), last(to)];
    return Object.fromEntries(Object.entries(after).map(([role, ms]) => [role, ms - (before[role] ?? 0)]));
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** A child counts for its parent once that has waited for it, and by itself before: no time is lost and none counted twice. */
function sample(cli: number, database: number, tickMs: number): Sample {
  if (Number.isNaN(tickMs)) return {};
  const all = readdirSync('/proc').flatMap((name) => processOf(Number(name)));
  const below = (parent: number): Process[] =>
    all.filter((p) => p.parent === parent).flatMap((p) => [p, ...below(p.pid)]);
  const cpuMs: Record<string, number> = { database: tickMs * sum(below(database)) };
  for (const program of all.filter((p) => p.parent === cli)) {
    const role = roleOf(program.pid);
    cpuMs[role] = (cpuMs[role] ?? 0) + tickMs * sum([program, ...below(program.pid)]);
  }
  return cpuMs;
}

/** Fields 4, 14 to 17 of proc_pid_stat(5), after a name that may hold anything. */
function processOf(pid: number): Process[] {
  if (Number.isNaN(pid)) return [];
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = fields.slice(11, 15).reduce((total, n) => total + n, 0);
  return stat === '' ? [] : [{ pid, parent: fields[1]!, ticks }];
}

/** Empty when the process has ended. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

const sum = (processes: readonly Process[]): number => processes.reduce((total, { ticks }) => total + ticks, 0);

function roleOf(pid: number): string {
  const command = readIfThere(`/proc/${pid}/cmdline`);
  return command.includes('/worker.js') ? 'worker' : command.includes('/coordinator/') ? 'coordinator' : 'nodes';
}

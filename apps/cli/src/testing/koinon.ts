/** The built `koinon` as a real process, for integration specs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const POLL_MS = 25;

export interface KoinonOptions {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Starts it as this user. */
  readonly uid?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Koinon {
  readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';
  private readonly closed: Promise<unknown>;

  constructor(args: readonly string[], { home, env = {}, uid }: KoinonOptions) {
    this.child = spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env['PATH'], KOINON_HOME: home, ...env },
      // With IPC, `up` stops by itself when this test process is killed.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.closed = once(this.child, 'close');
  }

  /** What it said on stderr that matches, as soon as it has said it. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.stderr);
      if (found) return found[0];
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`koinon ended before it said ${String(pattern)}:\n${this.stderr}`);
      await delay(POLL_MS);
    }
  }

  /** What it has printed so far. */
  get printed(): string {
    return this.stdout;
  }

  async end(signal?: NodeJS.Signals): Promise<Ended> {
    if (signal) this.child.kill(signal);
    await this.closed;
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Runs one command to its end. */
export function koinon(args: readonly string[], options: KoinonOptions): Promise<Ended> {
  return new Koinon(args, options).end();
}

/** The process of a program of the federation that runs from `home`. */
export function pidOf(home: string, name: string): number {
  const file = globSync(`${home}/*/processes/${name}`)[0];
  if (file === undefined) throw new Error(`${name} does not run`);
  return Number.parseInt(readFileSync(file, 'utf8'), 10);
}

/** Names of the processes that work below `home`: ours by their environment, the database by its folder. */
export function processesBelow(home: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const [command, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const isOurs =
          environment.some((entry) => entry.startsWith(`KOINON_HOME=${home}`)) ||
          args.some((arg) => arg.startsWith(home)) ||
          readlinkSync(`/proc/${pid}/cwd`).startsWith(home);
        return isOurs ? [`${pid} ${basename(command ?? '')} ${basename(args[0] ?? '')}`] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(POLL_MS);
}

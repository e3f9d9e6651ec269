import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { CODED_EXIT, failureIn } from '@koinon/service';
import { CodedError, type ErrorCode } from '@koinon/contracts';
import { identityOf } from './process-identity.js';
import { parseEntry, type LogEntry } from './log-entry.js';
import { watchPulse, type Pulse } from './liveness.js';
import { LogFile } from './log-file.js';

export interface ProgramSpec {
  readonly name: string;
  readonly file: string;
  readonly environment: Record<string, string>;
  readonly logFile: string;
  /** Names the process while it runs, for a start after ours was killed. */
  readonly processFile: string;
  readonly readyTimeoutMs: number;
  /** Path that answers while the program is well; a program that falls silent there is ended and started again. */
  readonly livePath?: string;
  readonly pulse?: Pulse;
  /** Each log entry as it is written. */
  readonly onEntry: (entry: LogEntry) => void;
  /** It ended by itself and will be started again. */
  readonly onRestart: (failure: CodedError) => void;
  /** It ended too often, or for a reason that starting again cannot cure. */
  readonly onGiveUp: (failure: CodedError) => void;
}

/** Messages of the ceremony are large and short-lived; a small young generation keeps eight programs within one machine. */
const YOUNG_GENERATION = '--max-semi-space-size=4';
const STOP_TIMEOUT_MS = 10_000;
/** What is longer is no entry of ours. */
const MAX_LINE = 65_536;
const RESTART_AFTER_MS = [100, 500, 2000, 5000, 5000];
/** A program that ran this long had no trouble starting: its next end is a new story. */
const STEADY_AFTER_MS = 60_000;
/** Failures that the program itself has waited for in vain, or that only a person can mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONFIG_INVALID',
  'HOME_NOT_WRITABLE',
  'DATABASE_UNREACHABLE',
  'REDIS_UNREACHABLE',
  'REDIS_EVICTS',
  'KEY_UNUSABLE',
  'TOKEN_FILE_DAMAGED',
]);

/** One of our programs: started with IPC, started again when it dies, stopped for good by `stop`. */
export class Program {
  private readonly log: LogFile;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;
  private wasReady = false;
  private restarts = 0;
  private port: string | undefined;
  private silent = false;
  private unwatch = (): void => undefined;
  private lastCoded: CodedError | undefined;

  constructor(
    private readonly spec: ProgramSpec,
    private readonly restartAfterMs: readonly number[] = RESTART_AFTER_MS,
  ) {
    this.log = new LogFile(spec.logFile);
  }

  /**
   * Resolves with what the program says when it is ready.
   * @throws CodedError its own coded failure; the signal's reason when that comes first
   */
  async start(signal: AbortSignal): Promise<Record<string, string>> {
    signal.throwIfAborted();
    const ready = Promise.withResolvers<Record<string, string>>();
    const onAbort = (): void => ready.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.launch(ready);
      return await ready.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    this.unwatch();
    const child = this.child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  private launch(ready: PromiseWithResolvers<Record<string, string>>): void {
    const { name, file, environment, processFile, readyTimeoutMs } = this.spec;
    const child = spawn(process.execPath, [YOUNG_GENERATION, file], {
      // Once it has a port it keeps it: others hold its URL.
      // glibc keeps an arena per thread otherwise; ours allocate little and often, and eight programs share the machine.
      env: {
        MALLOC_ARENA_MAX: '2',
        PATH: process.env['PATH'] ?? '',
        ...passedOn(),
        ...environment,
        ...(this.port ? { KOINON_PORT: this.port } : {}),
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // In a process group of its own: Ctrl-C reaches us alone, and we stop everybody in order.
      detached: true,
    });
    this.child = child;
    this.lastCoded = undefined;
    this.silent = false;
    if (child.pid) writeFileSync(processFile, identityOf(child.pid), { mode: 0o600 });
    this.record(child);
    const started = Date.now();
    const timer = setTimeout(() => {
      ready.reject(
        new CodedError('INTERNAL', `${name} did not get ready in ${Math.round(readyTimeoutMs / 1000)} s; see its log`),
      );
      child.kill('SIGKILL');
    }, readyTimeoutMs);
    child.on('message', ({ ready: said }: { ready?: Record<string, string> }) => {
      if (!said) return;
      this.wasReady = true;
      clearTimeout(timer);
      if (said['url']) this.port = new URL(said['url']).port;
      this.watch(child, said['url']);
      ready.resolve(said);
    });
    child.once('error', () => ready.reject(new CodedError('INTERNAL', `${name} could not be started`)));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      this.unwatch();
      rmSync(processFile, { force: true });
      const failure = this.failure(code, signal);
      ready.reject(failure);
      // Before it was ready for the first time, whoever started it decides.
      if (this.stopping || !this.wasReady) return;
      if (Date.now() - started > STEADY_AFTER_MS) this.restarts = 0;
      this.restart(failure);
    });
  }

  private watch(child: ChildProcess, url: string | undefined): void {
    const { livePath, pulse } = this.spec;
    if (livePath === undefined || url === undefined) return;
    this.unwatch = watchPulse(
      new URL(livePath, url).href,
      () => {
        this.silent = true;
        child.kill('SIGKILL');
      },
      pulse,
    );
  }

  private restart(failure: CodedError): void {
    const waitMs = this.restartAfterMs[this.restarts++];
    if (waitMs === undefined || FINAL.has(failure.code)) {
      this.giveUp(failure);
      return;
    }
    this.spec.onRestart(failure);
    this.timer = setTimeout(() => {
      const ready = Promise.withResolvers<Record<string, string>>();
      ready.promise.catch(() => undefined);
      try {
        this.launch(ready);
      } catch {
        this.giveUp(new CodedError('HOME_NOT_WRITABLE', this.spec.name));
      }
    }, waitMs);
  }

  private giveUp(failure: CodedError): void {
    this.stopping = true;
    this.spec.onGiveUp(failure);
  }

  /** Everything the program writes goes to its log; whole lines that are entries are also told. */
  private record(child: ChildProcess): void {
    for (const stream of [child.stdout!, child.stderr!]) {
      let line = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log.append(text);
        const lines = (line + text).split('\n');
        line = lines.pop()!.slice(-MAX_LINE);
        for (const whole of lines) this.read(whole);
      });
    }
  }

  private read(line: string): void {
    const failure = failureIn(line);
    if (failure)
      this.lastCoded = new CodedError(
        failure.code,
        failure.detail ? `${this.spec.name}: ${failure.detail}` : this.spec.name,
      );
    const entry = parseEntry(line);
    if (entry) this.spec.onEntry(entry);
  }

  private failure(code: number | null, signal: NodeJS.Signals | null): CodedError {
    if (code === CODED_EXIT && this.lastCoded) return this.lastCoded;
    if (this.silent)
      return new CodedError('INTERNAL', `${this.spec.name} did not answer any more and was ended; see its log`);
    return new CodedError('INTERNAL', `${this.spec.name} ended with ${signal ?? `exit code ${code}`}; see its log`);
  }
}

/** What a program may know of the user who started it. */
function passedOn(): Record<string, string> {
  return Object.fromEntries(['HOME', 'TZ'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

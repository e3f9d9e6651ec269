import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { CodedError, isErrorCode } from '@koinon/contracts';

export interface ProgramSpec {
  readonly name: string;
  readonly file: string;
  readonly environment: Record<string, string>;
  readonly logFile: string;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const RESTART_AFTER_MS = [100, 500, 2000, 5000];
/** The exit code with which our programs report a coded failure. */
const CODED_EXIT = 2;

/** One of our programs: started with IPC, restarted when it dies, stopped for good by `stop`. */
export class Program {
  private child: ChildProcess | undefined;
  private started = false;
  private stopping = false;
  private restarts = 0;
  private lastWords = '';

  constructor(private readonly spec: ProgramSpec) {}

  /** Resolves with what the program says when it is ready. @throws CodedError its own coded failure */
  async start(): Promise<Record<string, string>> {
    const log = openSync(this.spec.logFile, 'a', 0o600);
    const child = spawn(process.execPath, [this.spec.file], {
      env: { PATH: process.env['PATH'] ?? '', ...(process.env['TZ'] ? { TZ: process.env['TZ'] } : {}), ...this.spec.environment },
      stdio: ['ignore', log, 'pipe', 'ipc'],
    });
    this.child = child;
    this.lastWords = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      writeSync(log, text);
      this.lastWords = (this.lastWords + text).slice(-4000);
    });
    const ready = Promise.withResolvers<Record<string, string>>();
    const timer = setTimeout(() => ready.reject(new CodedError('INTERNAL', `${this.spec.name} did not get ready`)), READY_TIMEOUT_MS);
    child.on('message', (message: { ready?: Record<string, string> }) => message.ready && ready.resolve(message.ready));
    child.once('close', (code) => {
      closeSync(log);
      ready.reject(this.failure(code));
      if (!this.stopping && this.started) this.restart();
    });
    try {
      const said = await ready.promise;
      this.started = true;
      return said;
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  private restart(): void {
    const wait = RESTART_AFTER_MS[Math.min(this.restarts++, RESTART_AFTER_MS.length - 1)]!;
    setTimeout(() => {
      if (!this.stopping) this.start().catch(() => this.restart());
    }, wait);
  }

  private failure(code: number | null): CodedError {
    if (code === CODED_EXIT) {
      for (const line of this.lastWords.trim().split('\n').reverse()) {
        const said = parseLine(line);
        if (isErrorCode(said?.code)) return new CodedError(said.code, `${this.spec.name}: ${said.message ?? ''}`);
      }
    }
    return new CodedError('INTERNAL', `${this.spec.name} ended early; see ${this.spec.name}.log in the logs folder`);
  }
}

function parseLine(line: string): { code?: string; message?: string } | null {
  try {
    return JSON.parse(line) as { code?: string; message?: string };
  } catch {
    return null;
  }
}

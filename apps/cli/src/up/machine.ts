/** The coordinator's side of a federation on one machine: database, coordinator and worker. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, routes } from '@koinon/contracts';
import { KoinonClient } from '@koinon/client';
import { readSetting } from '@koinon/service';
import { LocalPostgresError, startLocalPostgres } from '@koinon/local-postgres';
import { read, tokenFileOf } from '../connection.js';
import { programs } from '../layout.js';
import { identityOf, isRunning, Program, waitForLeftovers, type LogEntry } from '@koinon/supervisor';
import { HospitalNodes } from './hospitals.js';
import type { Host, MachineOptions } from './host.js';
import { patientFetch } from './patient-fetch.js';

const READY_TIMEOUT_MS = 60_000;
/** How soon the end of the embedded database is noticed. */
const WATCH_MS = 1000;
const PASSED_ON = ['KOINON_REDIS_URL', 'KOINON_CONNECT_TIMEOUT_MS'] as const;

export class Machine implements Host {
  private readonly lost = new AbortController();
  private readonly stops: (() => Promise<void>)[] = [];
  private readonly told = new Set<string>();
  /** Aborts when the caller's does, or with the CodedError of a part that ended and does not come back. */
  readonly signal: AbortSignal;
  private running:
    | { readonly client: KoinonClient; readonly dashboardUrl: string; readonly hospitals: HospitalNodes }
    | undefined;

  private constructor(readonly options: MachineOptions) {
    this.signal = AbortSignal.any([options.signal, this.lost.signal]);
  }

  /** @throws CodedError of whatever could not start; all that did start is stopped again */
  static async start(options: MachineOptions): Promise<Machine> {
    const machine = new Machine(options);
    try {
      await machine.startAll();
      return machine;
    } catch (error) {
      await machine.stop();
      throw machine.signal.aborted ? machine.signal.reason : error;
    }
  }

  get client(): KoinonClient {
    return this.running!.client;
  }

  get dashboardUrl(): string {
    return this.running!.dashboardUrl;
  }

  get hospitals(): HospitalNodes {
    return this.running!.hospitals;
  }

  /** In reverse order of the start: nobody loses what it stands on. */
  async stop(): Promise<void> {
    for (let stop = this.stops.pop(); stop; stop = this.stops.pop()) await stop();
  }

  /** A program of this machine. The failures it names in its log are shown, each once. */
  program(
    name: string,
    file: string,
    environment: Record<string, string>,
    onGiveUp: (failure: CodedError) => void,
  ): Program {
    const { folder, say } = this.options;
    return new Program({
      name,
      file,
      environment,
      onGiveUp,
      logFile: join(folder, 'logs', `${name}.log`),
      processFile: join(folder, 'processes', name),
      readyTimeoutMs: READY_TIMEOUT_MS + (Number(process.env['KOINON_CONNECT_TIMEOUT_MS']) || 0),
      ...(name === 'coordinator' ? { livePath: routes.live.path } : {}),
      onEntry: (entry) => this.tell(name, entry),
      onRestart: ({ code, detail }) => say(`${code === 'INTERNAL' ? '' : `${code}: `}${detail}; starting it again`),
    });
  }

  private tell(name: string, { level, code, message }: LogEntry): void {
    const line = `${name}: ${code}: ${message}`;
    if (level !== 'error' || !code || this.told.has(line)) return;
    this.told.add(line);
    this.options.say(line);
  }

  private async startAll(): Promise<void> {
    const { folder, port, say } = this.options;
    for (const name of ['logs', 'processes']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    await waitForLeftovers(join(folder, 'processes'), say, this.signal);
    const environment = {
      KOINON_DATABASE_URL: await this.database(),
      KOINON_HOME: folder,
      KOINON_DASHBOARD_DIR: programs.dashboard,
      ...Object.fromEntries(
        PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
      ),
    };
    say('starting the coordinator');
    const { url } = await this.start('coordinator', programs.coordinator, {
      ...environment,
      KOINON_PORT: String(port),
    });
    const urlFile = join(folder, 'coordinator.url');
    writeFileSync(urlFile, url!, { mode: 0o600 });
    this.stops.push(async () => rmSync(urlFile, { force: true }));
    const viewer = read(tokenFileOf(folder, 'viewer'), 'the viewer token cannot be read');
    const client = new KoinonClient(
      url!,
      read(tokenFileOf(folder, 'operator'), 'the operator token cannot be read'),
      patientFetch(this.signal, () => say('the coordinator or its database is away; waiting for it')),
    );
    const hospitals = new HospitalNodes(this, client);
    this.stops.push(() => hospitals.stop());
    this.running = { client, dashboardUrl: `${url}/#token=${viewer}`, hospitals };
    // Nobody asks the worker anything, so that hospitals need not wait for it.
    const started = await Promise.allSettled([this.start('worker', programs.worker, environment), hospitals.start()]);
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
  }

  private start(name: string, file: string, environment: Record<string, string>): Promise<Record<string, string>> {
    const program = this.program(name, file, environment, (failure) => this.lost.abort(failure));
    this.stops.push(() => program.stop());
    return program.start(this.signal);
  }

  private async database(): Promise<string> {
    const external = readSetting(process.env, 'KOINON_DATABASE_URL');
    if (external !== undefined) return external;
    const { folder, say } = this.options;
    say('starting PostgreSQL');
    try {
      const local = await startLocalPostgres({ dataDir: join(folder, 'postgres') });
      const server = identityOf(local.pid);
      const watch = setInterval(() => {
        if (!isRunning(server))
          this.lost.abort(
            new CodedError('DATABASE_UNREACHABLE', 'the embedded PostgreSQL ended; start again to go on'),
          );
      }, WATCH_MS);
      this.stops.push(() => {
        clearInterval(watch);
        return local.stop();
      });
      if (local.adopted) say('took over the PostgreSQL of the last start');
      return local.url;
    } catch (error) {
      if (!(error instanceof LocalPostgresError)) throw error;
      throw new CodedError(
        error.code === 'DATA_DIR_NOT_WRITABLE' ? 'HOME_NOT_WRITABLE' : 'DATABASE_UNREACHABLE',
        `${error.code}: ${error.message}`,
      );
    }
  }
}

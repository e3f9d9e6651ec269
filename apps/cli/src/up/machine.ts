/** Everything of a federation on one machine: database, coordinator, worker and one edge node per hospital. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, KoinonClient } from '@koinon/contracts';
import { dataFile, sites, splitFile } from '@koinon/heart-disease';
import { LocalPostgresError, startLocalPostgres } from '@koinon/local-postgres';
import { read, tokenFileOf } from '../connection.js';
import { programs } from '../layout.js';
import { Program } from './child-process.js';
import type { Plan } from './options.js';

export interface MachineOptions {
  readonly folder: string;
  readonly plan: Plan;
  /** Port of the coordinator; the nodes take the following ones. 0 takes free ports. */
  readonly port: number;
  readonly say: (line: string) => void;
}

export class Machine {
  private readonly nodes: Program[] = [];

  private constructor(
    readonly client: KoinonClient,
    readonly dashboardUrl: string,
    private readonly options: MachineOptions,
    private readonly stops: readonly (() => Promise<void>)[],
  ) {}

  /** @throws CodedError of whatever could not start; all that did start is stopped again */
  static async start(options: MachineOptions): Promise<Machine> {
    const { folder, port, say } = options;
    const stops: (() => Promise<void>)[] = [];
    try {
      mkdirSync(join(folder, 'logs'), { recursive: true, mode: 0o700 });
      const databaseUrl = await database(folder, stops, say);
      const environment = {
        KOINON_DATABASE_URL: databaseUrl, KOINON_HOME: folder, KOINON_DASHBOARD_DIR: programs.dashboard,
        ...(process.env['KOINON_REDIS_URL'] ? { KOINON_REDIS_URL: process.env['KOINON_REDIS_URL'] } : {}),
        ...(process.env['KOINON_CONNECT_TIMEOUT_MS'] ? { KOINON_CONNECT_TIMEOUT_MS: process.env['KOINON_CONNECT_TIMEOUT_MS'] } : {}),
      };
      say('starting the coordinator');
      const coordinator = program(options, 'coordinator', programs.coordinator, { ...environment, KOINON_PORT: String(port) });
      stops.push(() => coordinator.stop());
      const { url } = await coordinator.start();
      const worker = program(options, 'worker', programs.worker, environment);
      stops.push(() => worker.stop());
      await worker.start();
      const urlFile = join(folder, 'coordinator.url');
      writeFileSync(urlFile, url!, { mode: 0o600 });
      stops.push(async () => rmSync(urlFile, { force: true }));
      const viewer = read(tokenFileOf(folder, 'viewer'), 'the viewer token cannot be read');
      const client = new KoinonClient(url!, read(tokenFileOf(folder, 'operator'), 'the operator token cannot be read'));
      return new Machine(client, `${url}/#token=${viewer}`, options, stops);
    } catch (error) {
      await stopAll(stops);
      throw error;
    }
  }

  /** Invites every hospital that is new and starts its node; resolves when all have enrolled. */
  async startHospitals(): Promise<void> {
    const known = new Map((await this.client.sites()).map((site) => [site.id, site]));
    this.options.say(`starting ${sites.length} hospitals`);
    await Promise.all(sites.map(async ({ id, displayName }, index) => {
      const home = join(this.options.folder, 'sites', id);
      mkdirSync(home, { recursive: true, mode: 0o700 });
      const fingerprintFile = join(home, 'coordinator.fingerprint');
      const tokenFile = join(home, 'enrolment.token');
      if (known.get(id)?.state !== 'enrolled') {
        const invitation = await this.client.invite(id, displayName);
        writeFileSync(tokenFile, invitation.token, { mode: 0o600 });
        writeFileSync(fingerprintFile, invitation.coordinatorFingerprint, { mode: 0o600 });
      }
      const { plan, port } = this.options;
      const node = program(this.options, id, programs.edgeNode, {
        KOINON_SITE: id, KOINON_HOME: home, KOINON_COORDINATOR_URL: this.client.baseUrl, KOINON_ENROLMENT_TOKEN_FILE: tokenFile,
        KOINON_COORDINATOR_FINGERPRINT: read(fingerprintFile, `the invitation of ${id} is lost; remove its folder and start again`),
        KOINON_DATA_FILE: dataFile(id), KOINON_SPLIT_FILE: splitFile, KOINON_SPLIT_CENTRE: id, KOINON_SERVING_THREADS: '1',
        KOINON_PORT: String(port === 0 ? 0 : port + 1 + index),
        KOINON_EPSILON_BUDGET: plan.spec.privacy.epsilon === null ? 'off' : String(plan.spec.privacy.epsilon), KOINON_DELTA: String(plan.spec.privacy.delta),
        KOINON_INSECURE_DETERMINISTIC: plan.insecureDeterministic ? '1' : '0',
      });
      this.nodes.push(node);
      await node.start();
      rmSync(tokenFile, { force: true });
    }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await stopAll(this.stops);
  }
}

function program({ folder }: MachineOptions, name: string, file: string, environment: Record<string, string>): Program {
  return new Program({ name, file, environment, logFile: join(folder, 'logs', `${name}.log`) });
}

/** In reverse order of their start: nobody loses what it stands on. */
async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}

async function database(folder: string, stops: (() => Promise<void>)[], say: (line: string) => void): Promise<string> {
  const external = process.env['KOINON_DATABASE_URL'];
  if (external !== undefined) return external;
  say('starting PostgreSQL');
  try {
    const local = await startLocalPostgres({ dataDir: join(folder, 'postgres') });
    stops.push(() => local.stop());
    return local.url;
  } catch (error) {
    if (error instanceof LocalPostgresError) throw new CodedError('DATABASE_UNREACHABLE', `${error.code}: ${error.message}`);
    throw error;
  }
}

/** One edge node per hospital of the demo, each a process with a home and data of its own. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CodedError, SiteView } from '@koinon/contracts';
import type { KoinonClient } from '@koinon/client';
import { sites } from '@koinon/heart-disease';
import { read } from '../connection.js';
import { programs } from '../layout.js';
import { nodesFileOf, type ConfiguredNode, type Nodes } from '../nodes-file.js';
import type { Program } from '@koinon/supervisor';
import type { Host } from './host.js';
import { nodeEnvironment } from './node-environment.js';

type Site = (typeof sites)[number];

/** A node that answers predictions at `url`. */
export interface ServingNode {
  readonly site: string;
  readonly url: string;
}

export class HospitalNodes {
  private readonly programs: Program[] = [];
  private readonly nodes = new Map<string, ConfiguredNode>();

  constructor(
    private readonly host: Host,
    private readonly client: KoinonClient,
  ) {}

  /** Nodes that run; one that ended for good is not among them. */
  get running(): ServingNode[] {
    return [...this.nodes].map(([site, { url }]) => ({ site, url }));
  }

  /** Invites every hospital that is new and starts its node; resolves when all have enrolled. */
  async start(): Promise<void> {
    const known = new Map((await this.client.sites()).map((site) => [site.id, site]));
    this.host.options.say(`starting ${sites.length} hospitals`);
    const started = await Promise.allSettled(
      sites.map((site, index) => this.startOne(site, known.get(site.id), index)),
    );
    // Only when none is on its way any more may the caller stop them.
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
    const nodes = Object.fromEntries(
      sites.flatMap(({ id }) => (this.nodes.has(id) ? [[id, this.nodes.get(id)!]] : [])),
    ) satisfies Nodes;
    writeFileSync(nodesFileOf(this.host.options.folder), JSON.stringify(nodes), { mode: 0o600 });
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop()));
  }

  private async startOne({ id, displayName }: Site, known: SiteView | undefined, index: number): Promise<void> {
    const { folder, plan, port, say } = this.host.options;
    const home = join(folder, 'sites', id);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const fingerprintFile = join(home, 'coordinator.fingerprint');
    const tokenFile = join(home, 'enrolment.token');
    if (known?.state !== 'enrolled') {
      const invitation = await this.client.invite(id, displayName);
      writeFileSync(tokenFile, invitation.token, { mode: 0o600 });
      writeFileSync(fingerprintFile, invitation.coordinatorKeyFingerprint, { mode: 0o600 });
    }
    const node = this.host.program(
      id,
      programs.edgeNode,
      nodeEnvironment(id, plan, {
        home,
        port: port === 0 ? 0 : port + 1 + index,
        coordinatorUrl: this.client.baseUrl,
        coordinatorKeyFingerprint: read(
          fingerprintFile,
          `${id} is enrolled in this database from another folder; every federation needs a database of its own`,
        ),
        tokenFile,
      }),
      (failure: CodedError) => {
        this.nodes.delete(id);
        say(`${failure.code}: ${failure.detail}; ${id} takes no further part`);
      },
    );
    this.programs.push(node);
    const { url, keyFingerprint } = await node.start(this.host.signal);
    this.nodes.set(id, { url: url!, keyFingerprint: keyFingerprint! });
    rmSync(tokenFile, { force: true });
  }
}

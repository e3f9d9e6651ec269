import { join } from 'node:path';
import { framed, postHead, type CeremonyPost, type SiteStatus } from '@koinon/contracts';
import { FakeCoordinator, Hospitals, KEY_EPOCH } from '@koinon/site-client/testing';
import { tempDir, type TempDir } from '@koinon/testing';
import { vi } from 'vitest';
import { Agent } from '../agent/agent.js';
import type { InstalledRelease } from '../releases/release-store.js';
import { enrolledNode, type EnrolledNode } from './enrolled-node.fixture.js';

/** The agent of an enrolled node in this process, against a coordinator that a test scripts. */
export class EdgeAgent implements AsyncDisposable {
  readonly load = vi.fn<(release: InstalledRelease) => Promise<void>>(async () => undefined);
  readonly log = vi.fn<(entry: Record<string, unknown>) => void>();
  stopping = new AbortController();
  /** Settles when the agent has ended. */
  running: Promise<void> = Promise.resolve();

  private constructor(
    readonly dir: TempDir,
    readonly home: string,
    readonly coordinator: FakeCoordinator,
    readonly node: EnrolledNode,
  ) {}

  static async enrolled(): Promise<EdgeAgent> {
    const [dir, coordinator] = [tempDir(), await FakeCoordinator.start()];
    const home = join(dir.path, 'cleveland');
    return new EdgeAgent(dir, home, coordinator, await enrolledNode(home, coordinator));
  }

  async start(config = this.node.config): Promise<void> {
    const side = {
      url: 'http://127.0.0.1:8000',
      load: this.load,
      stats: () => ({ requests: 5, p50Ms: 1, p99Ms: null }),
    };
    this.running = (await Agent.start(config, side, this.stopping.signal, this.log)).run();
  }

  reports(): SiteStatus[] {
    return this.coordinator.posted('/v1/site/status') as SiteStatus[];
  }

  refusals(): unknown[] {
    return this.coordinator.posted('/v1/site/refusals');
  }

  /** How often it asked for its assignments. */
  polls(): number {
    return this.coordinator.requests.filter((r) => r.path.startsWith('/v1/site/assignments')).length;
  }

  /** This node's key ceremony with two other sites, and what the coordinator says of it. */
  async ceremony(seen: (inbox: CeremonyPost[]) => CeremonyPost[] = (inbox) => inbox): Promise<void> {
    const hospitals = await Hospitals.ready(this.dir.path, 'one-time-key');
    const inbox = seen(await hospitals.relay.linkOf('cleveland').inbox(KEY_EPOCH, 'confirm'));
    const frames = inbox.flatMap(({ statement, bodies }) => [postHead(statement, bodies.length), ...bodies]);
    this.coordinator.answer = ({ path }) => (path.includes('/inbox') ? Buffer.concat([...framed(frames)]) : undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.coordinator[Symbol.asyncDispose]();
    this.dir[Symbol.dispose]();
  }
}

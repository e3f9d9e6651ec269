/** Every view the pages read, and which of them an event touches. */
import type { KoinonClient } from '@koinon/client';
import type { KoinonEvent, ModelView, RunView, SiteView, VersionDetail } from '@koinon/contracts';
import { View } from './view.js';

export type Reads = Pick<KoinonClient, 'runs' | 'run' | 'models' | 'sites' | 'version'>;

export class Views {
  readonly runs: View<RunView[]>;
  readonly models: View<ModelView[]>;
  readonly sites: View<SiteView[]>;
  private readonly versions = new Map<string, View<VersionDetail>>();

  constructor(
    private readonly client: Reads,
    private readonly onError: (error: unknown) => void,
  ) {
    this.runs = new View<RunView[]>(
      async (id, current) => (id !== null && current ? withRun(current, await client.run(id)) : client.runs()),
      onError,
    );
    this.models = new View(() => client.models(), onError);
    this.sites = new View(() => client.sites(), onError);
  }

  version(model: string, version: number): View<VersionDetail> {
    const key = `${model}/${version}`;
    const known = this.versions.get(key);
    if (known) return known;
    const view = new View(() => this.client.version(model, version), this.onError);
    this.versions.set(key, view);
    return view;
  }

  touch({ topic, runId }: KoinonEvent): void {
    if (topic === 'run' || topic === 'round' || topic === 'key-epoch') this.runs.touch(runId);
    if (topic === 'site') this.sites.touch();
    // A site that starts to serve another version changes servedBy.
    if (topic === 'version' || topic === 'site') this.touchModels();
  }

  /** After a gap in the event stream anything may have changed. */
  touchAll(): void {
    this.runs.touch();
    this.sites.touch();
    this.touchModels();
  }

  private touchModels(): void {
    this.models.touch();
    for (const view of this.versions.values()) view.touch();
  }
}

/** The list with one run put in its place or, if it is new, first. */
export function withRun(runs: readonly RunView[], run: RunView): RunView[] {
  const known = runs.some((r) => r.id === run.id);
  return known ? runs.map((r) => (r.id === run.id ? run : r)) : [run, ...runs];
}

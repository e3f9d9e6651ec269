import { CodedError, type VersionView } from '@koinon/contracts';
import type { ServingNode } from './hospitals.js';
import { pause } from '@koinon/supervisor';
import { serves, timePredictions, type ServingReport } from './serving-node.js';

/** A hospital that does not serve the version, and why: what it told the coordinator, or what we saw. */
export interface NotServing {
  readonly site: string;
  readonly reason: string;
}

export interface Serving {
  readonly reports: readonly ServingReport[];
  readonly absent: readonly NotServing[];
}

/** How long a hospital may take the release: one that told why it does not, and one that told nothing. */
export interface Patience {
  readonly toldMs: number;
  readonly silentMs: number;
}

const PATIENCE: Patience = { toldMs: 10_000, silentMs: 60_000 };
const POLL_MS = 100;

/**
 * Times requests to every node that serves the version, one node after the other. The nodes themselves are asked
 * whether they do: what the coordinator has heard of them may be from before a restart. One that cannot holds up no other.
 * @param reasons by site, why it told the coordinator that it does not serve the model
 * @throws CodedError INTERNAL when no node serves it
 */
export async function measureServing(
  running: () => readonly ServingNode[],
  version: VersionView,
  reasons: () => Promise<ReadonlyMap<string, string>>,
  signal: AbortSignal,
  patience = PATIENCE,
): Promise<Serving> {
  const reports: ServingReport[] = [];
  for (const began = performance.now(); ; await pause(POLL_MS, signal)) {
    const left = (): ServingNode[] => running().filter(({ site }) => reports.every((report) => report.site !== site));
    const failed = new Map<string, string>();
    for (const node of left()) {
      if (!(await serves(node, version))) continue;
      const report = await timePredictions(node, version.model);
      if (typeof report === 'string') failed.set(node.site, report);
      else reports.push(report);
    }
    const told = left().length > 0 ? new Map([...(await reasons()), ...failed]) : failed;
    const waitedMs = performance.now() - began;
    const isOver = (site: string): boolean => waitedMs >= (told.has(site) ? patience.toldMs : patience.silentMs);
    if (left().every(({ site }) => isOver(site))) {
      const absent = left().map(({ site }) => ({ site, reason: told.get(site) ?? 'it told no reason; see its log' }));
      if (reports.length === 0)
        throw new CodedError(
          'INTERNAL',
          `no hospital serves version ${version.version}: ${absent.map(({ site, reason }) => `${site}: ${reason}`).join('; ')}`,
        );
      return { reports: reports.toSorted((a, b) => a.site.localeCompare(b.site)), absent };
    }
    signal.throwIfAborted();
  }
}

import { CodedError, type VersionView } from '@koinon/contracts';
import { z } from 'zod';
import type { ServingNode } from './hospitals.js';
import { isBroken } from './patient-fetch.js';
import { pause } from '@koinon/supervisor';

export interface ServingReport {
  readonly site: string;
  readonly url: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

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

const WARM_UP = 20;
const REQUESTS = 300;
const PATIENCE: Patience = { toldMs: 10_000, silentMs: 60_000 };
const POLL_MS = 100;
/** A patient inside every public range: what the model says of it does not matter here. */
const PATIENT = [54, 1, 130, 240, 0, 150, 0, 1, 0, 1, 0, 0, 1];

const metadataSchema = z.object({ parameters: z.object({ sha256: z.string() }) });

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
      const report = await measure(node, version.model);
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

/** Whether the node answers with exactly this version now. */
async function serves({ url }: ServingNode, { model, sha256 }: VersionView): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v2/models/${model}`);
    return response.ok && metadataSchema.safeParse(await response.json()).data?.parameters.sha256 === sha256;
  } catch (error) {
    if (isBroken(error)) return false;
    throw error;
  }
}

/** Asks one node over a kept-alive connection and times whole requests as a client sees them. @returns what went wrong instead */
async function measure({ site, url }: ServingNode, model: string): Promise<ServingReport | string> {
  const target = `${url}/v2/models/${model}/infer`;
  const body = JSON.stringify({
    inputs: [{ name: 'features', shape: [1, PATIENT.length], datatype: 'FP32', data: PATIENT }],
  });
  const times: number[] = [];
  try {
    for (let i = 0; i < WARM_UP + REQUESTS; i++) {
      const started = performance.now();
      const response = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await response.arrayBuffer();
      if (!response.ok) return `it answered a prediction with HTTP ${response.status}`;
      if (i >= WARM_UP) times.push(performance.now() - started);
    }
  } catch (error) {
    if (isBroken(error)) return 'it went away while it was asked';
    throw error;
  }
  return { site, url: target, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), requests: times.length };
}

/** The smallest value that a share `q` of all values does not exceed (nearest rank). */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

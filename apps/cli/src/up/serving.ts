import { CodedError, type VersionView } from '@koinon/contracts';
import { z } from 'zod';
import type { ServingNode } from './hospitals.js';
import { isBroken } from './patient-fetch.js';
import { pause } from './pause.js';

export interface ServingReport {
  readonly site: string;
  readonly url: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

const WARM_UP = 20;
const REQUESTS = 300;
const TAKE_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** A patient inside every public range: what the model says of it does not matter here. */
const PATIENT = [54, 1, 130, 240, 0, 150, 0, 1, 0, 1, 0, 0, 1];

const metadataSchema = z.object({ parameters: z.object({ sha256: z.string() }) });

/**
 * Times requests to every node that serves the version, one node after the other. The nodes themselves are asked
 * whether they do: what the coordinator has heard of them may be from before a restart.
 * @throws CodedError INTERNAL when a node does not take the release
 */
export async function measureServing(running: () => readonly ServingNode[], version: VersionView, signal: AbortSignal): Promise<ServingReport[]> {
  const reports: ServingReport[] = [];
  for (const giveUpAt = Date.now() + TAKE_TIMEOUT_MS; ; await pause(POLL_MS, signal)) {
    const left = running().filter(({ site }) => reports.every((report) => report.site !== site));
    if (left.length === 0) return reports.toSorted((a, b) => a.site.localeCompare(b.site));
    for (const node of left) {
      if (!(await serves(node, version))) continue;
      const report = await measure(node, version.model);
      if (report) reports.push(report);
    }
    if (Date.now() > giveUpAt) throw new CodedError('INTERNAL', `${left.map(({ site }) => site).join(', ')} did not take version ${version.version}; see the site's log`);
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

/** Asks one node over a kept-alive connection and times whole requests as a client sees them; null when it goes away meanwhile. */
async function measure({ site, url }: ServingNode, model: string): Promise<ServingReport | null> {
  const target = `${url}/v2/models/${model}/infer`;
  const body = JSON.stringify({ inputs: [{ name: 'features', shape: [1, PATIENT.length], datatype: 'FP32', data: PATIENT }] });
  const times: number[] = [];
  try {
    for (let i = 0; i < WARM_UP + REQUESTS; i++) {
      const started = performance.now();
      const response = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await response.arrayBuffer();
      if (!response.ok) throw new CodedError('INTERNAL', `${site} answered a prediction with HTTP ${response.status}`);
      if (i >= WARM_UP) times.push(performance.now() - started);
    }
  } catch (error) {
    if (isBroken(error)) return null;
    throw error;
  }
  return { site, url: target, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), requests: times.length };
}

/** The smallest value that a share `q` of all values does not exceed (nearest rank). */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

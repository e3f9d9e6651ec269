import { CodedError, type KoinonClient, type SiteView, type VersionView } from '@koinon/contracts';
import { pause } from './run-federation.js';

export interface ServingReport {
  readonly site: string;
  readonly url: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

const WARM_UP = 20;
const REQUESTS = 300;
const SERVING_TIMEOUT_MS = 30_000;
/** A patient inside every public range: what the model says of it does not matter here. */
const PATIENT = [54, 1, 130, 240, 0, 150, 0, 1, 0, 1, 0, 0, 1];

/** Waits until every enrolled site reports that it serves the version. */
export async function waitForServing(client: KoinonClient, version: VersionView, signal: AbortSignal): Promise<SiteView[]> {
  const giveUpAt = Date.now() + SERVING_TIMEOUT_MS;
  for (;;) {
    const sites = (await client.sites()).filter((site) => site.state === 'enrolled');
    if (sites.every((site) => site.status?.serving?.sha256 === version.sha256)) return sites;
    if (Date.now() > giveUpAt) throw new CodedError('INTERNAL', 'a hospital did not take the release; see its log');
    await pause(100, signal);
  }
}

/** Asks one node over a kept-alive connection and times whole requests as a client sees them. */
export async function measureServing(site: SiteView, model: string): Promise<ServingReport> {
  const url = `${site.status!.servingUrl}/v2/models/${model}/infer`;
  const body = JSON.stringify({ inputs: [{ name: 'features', shape: [1, PATIENT.length], datatype: 'FP32', data: PATIENT }] });
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + REQUESTS; i++) {
    const started = performance.now();
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await response.arrayBuffer();
    if (!response.ok) throw new CodedError('INTERNAL', `${site.id} answered ${response.status}`);
    if (i >= WARM_UP) times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number): number => times[Math.min(times.length - 1, Math.floor(q * times.length))]!;
  return { site: site.id, url, p50Ms: quantile(0.5), p99Ms: quantile(0.99), requests: times.length };
}

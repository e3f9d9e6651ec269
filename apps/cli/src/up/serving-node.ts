/** What a hospital's node is asked: which version it serves, and predictions, as fast as it gives them. */
import type { VersionView } from '@koinon/contracts';
import { z } from 'zod';
import type { ServingNode } from './hospitals.js';
import { isBroken } from './patient-fetch.js';
import { quantile } from './quantile.js';

export interface ServingReport {
  readonly site: string;
  readonly url: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

const WARM_UP = 20;
const REQUESTS = 300;
/** A patient inside every public range: what the model says of it does not matter here. */
const PATIENT = [54, 1, 130, 240, 0, 150, 0, 1, 0, 1, 0, 0, 1];

const metadataSchema = z.object({ parameters: z.object({ sha256: z.string() }) });

/** Whether the node answers with exactly this version now. */
export async function serves({ url }: ServingNode, { model, sha256 }: VersionView): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v2/models/${model}`);
    return response.ok && metadataSchema.safeParse(await response.json()).data?.parameters.sha256 === sha256;
  } catch (error) {
    if (isBroken(error)) return false;
    throw error;
  }
}

/** Asks one node over a kept-alive connection and times whole requests as a client sees them. @returns what went wrong instead */
export async function timePredictions({ site, url }: ServingNode, model: string): Promise<ServingReport | string> {
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

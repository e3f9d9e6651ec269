import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KoinonClient, RunView } from '@koinon/contracts';
import { featureSchemaFile, modelFile } from '@koinon/heart-disease';
import type { Plan } from './options.js';

const POLL_MS = 250;

/** Starts the run of this plan, or finds the one that an earlier start began. */
export async function startOrResume(client: KoinonClient, { spec, seed }: Plan): Promise<RunView> {
  const known = (await client.runs()).find((run) => run.federation === spec.name && (run.state === 'running' || run.state === 'done'));
  if (known) return known;
  const put = async (file: string): Promise<string> => {
    const bytes = readFileSync(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await client.putBlob(sha256, bytes);
    return sha256;
  };
  const [modelSha256, featureSchemaSha256] = [await put(modelFile), await put(featureSchemaFile)];
  return client.startRun({ spec, modelSha256, featureSchemaSha256, ...(seed === undefined ? {} : { seed }) });
}

/** Follows a run to its end, telling every change of state once. */
export async function follow(client: KoinonClient, id: string, say: (line: string) => void, signal: AbortSignal): Promise<RunView> {
  let told = '';
  for (;;) {
    const run = await client.run(id);
    const last = run.rounds.at(-1);
    const metrics = last?.metrics ? ` · accuracy ${last.metrics.accuracy.toFixed(3)}, AUC ${last.metrics.auc.toFixed(3)}` : '';
    const line = last ? `round ${last.number} of ${run.spec.rounds}: ${last.state}${metrics}` : 'run planned';
    if (line !== told) say(line);
    told = line;
    if (run.state !== 'running') return run;
    await pause(POLL_MS, signal);
  }
}

/** @throws the abort reason */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

import { CodedError, type Failure, type Federation, type RunView } from '@koinon/contracts';
import { type KoinonClient } from '@koinon/client';
import { modelFile, recordsSchemaFile } from '@koinon/heart-disease';
import { isSameRecipe } from '../federation-identity.js';
import { putFile } from '../put-file.js';
import type { Plan } from './options.js';
import { pause } from '@koinon/supervisor';
import { RunProgress } from './progress.js';

const POLL_MS = 250;

/** Starts the run of this plan, or finds the one that an earlier start began. */
export async function startOrResume(client: KoinonClient, { spec, seed }: Plan): Promise<RunView> {
  const known = await resumable(client, spec, seed);
  if (known) return known;
  const [modelSha256, recordsSchemaSha256] = [
    await putFile(client, modelFile),
    await putFile(client, recordsSchemaFile),
  ];
  try {
    return await client.startRun({ spec, modelSha256, recordsSchemaSha256, ...(seed === undefined ? {} : { seed }) });
  } catch (error) {
    // The coordinator went away after it had started the run, and we asked again.
    const started =
      error instanceof CodedError && error.code === 'RUN_ACTIVE' ? await resumable(client, spec, seed) : undefined;
    if (!started) throw error;
    return started;
  }
}

async function resumable(
  client: KoinonClient,
  spec: Federation,
  seed: number | undefined,
): Promise<RunView | undefined> {
  const usable = (run: RunView): boolean =>
    (run.state === 'running' || run.state === 'done') && run.seed === (seed ?? null);
  return (await client.runs()).find((run) => usable(run) && isSameRecipe(run.spec, spec));
}

/** Follows a run to its end, telling everything new once. */
export async function follow(
  client: KoinonClient,
  id: string,
  say: (line: string) => void,
  signal: AbortSignal,
  seen?: (run: RunView) => void,
): Promise<RunView> {
  const progress = new RunProgress();
  for (;;) {
    const run = await client.run(id);
    for (const line of progress.news(run)) say(line);
    seen?.(run);
    if (run.state !== 'running') return run;
    await pause(POLL_MS, signal);
  }
}

/** @throws CodedError why the run did not get to its end */
export function requireDone(run: RunView): void {
  if (run.state === 'done') return;
  const { code, detail }: Failure = run.failure ?? { code: 'INTERNAL', detail: null };
  const exclusions = run.rounds.at(-1)?.exclusions ?? [];
  const reasons = exclusions.map((e) => `${e.site}: ${e.code}`);
  const spent = exclusions.some((e) => e.code === 'BUDGET_EXHAUSTED');
  throw new CodedError(
    code,
    [
      `run ${run.state}`,
      ...(reasons.length > 0 ? reasons : detail ? [detail] : []),
      ...(spent
        ? ['an earlier run of these hospitals spent their budget; another --seed starts with hospitals of its own']
        : []),
    ].join('; '),
  );
}

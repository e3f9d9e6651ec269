import { thresholdOf, type Metrics, type RunView, type VersionView } from '@koinon/contracts';
import { updateLength } from '@koinon/secure-tasks';
import { durationOf } from './progress.js';
import type { ReferenceMetrics } from './reference-training.js';
import type { NotServing, Serving } from './serving.js';
import type { ServingReport } from './serving-node.js';

/** The document `npm start -- --once --format json` prints. */
export interface Report {
  readonly federation: string;
  readonly runId: string;
  readonly sites: readonly string[];
  readonly threshold: number;
  readonly rounds: readonly {
    number: number;
    state: string;
    participants: readonly string[];
    durationMs: number;
    uploadBytes: number;
  }[];
  readonly privacy: RunView['privacy'];
  readonly metrics: { averageSite: Scores; bestSite: Scores; federated: Scores; pooled: Scores };
  /** The scheme's figures; `bytesPerParameter` holds for full blocks. */
  readonly encryption: RunView['encryption'];
  /** What this run's sites sent, on average over rounds: a small model fills little of a block. */
  readonly upload: { readonly bytes: number; readonly values: number };
  /** What hospitals serve; of another run where that was promoted since. */
  readonly model: { name: string; version: number; runId: string | null; sha256: string; path: string };
  readonly serving: readonly ServingReport[];
  readonly notServing: readonly NotServing[];
  readonly dashboardUrl: string;
}
export type Scores = Pick<Metrics, 'accuracy' | 'auc' | 'f1'>;

export interface ReportParts {
  readonly run: RunView;
  readonly reference: ReferenceMetrics;
  readonly version: VersionView;
  readonly modelPath: string;
  /** Trained values of the model. */
  readonly parameterCount: number;
  readonly serving: Serving;
  readonly dashboardUrl: string;
}

export function reportOf({
  run,
  reference,
  version,
  modelPath,
  parameterCount,
  serving,
  dashboardUrl,
}: ReportParts): Report {
  const last = run.rounds.at(-1)!;
  const { accuracy, auc, f1 } = last.metrics!;
  return {
    federation: run.federation,
    runId: run.id,
    sites: last.cohort,
    threshold: thresholdOf(run.spec.sites.threshold, last.cohort.length),
    rounds: run.rounds.map((r) => ({
      number: r.number,
      state: r.state,
      participants: r.participants,
      uploadBytes: r.uploadBytes,
      durationMs: durationOf(r),
    })),
    privacy: run.privacy,
    metrics: {
      averageSite: reference.averageSite,
      bestSite: reference.bestSite,
      federated: { accuracy, auc, f1 },
      pooled: reference.pooled,
    },
    encryption: run.encryption,
    upload: { bytes: meanUploadBytes(run.rounds), values: updateLength(parameterCount) },
    model: {
      name: version.model,
      version: version.version,
      runId: version.runId,
      sha256: version.sha256,
      path: modelPath,
    },
    serving: serving.reports,
    notServing: serving.absent,
    dashboardUrl,
  };
}

function meanUploadBytes(rounds: RunView['rounds']): number {
  const uploads = rounds.reduce((sum, { participants }) => sum + participants.length, 0);
  return rounds.reduce((sum, { uploadBytes }) => sum + uploadBytes, 0) / uploads;
}

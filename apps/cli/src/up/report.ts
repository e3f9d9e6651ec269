import type { Metrics, RunView, VersionView } from '@koinon/contracts';
import type { Reference } from './reference.js';
import type { ServingReport } from './serving.js';

/** The document `npm start -- --once --format json` prints. */
export interface Report {
  readonly federation: string;
  readonly sites: readonly string[];
  readonly threshold: number;
  readonly rounds: readonly { number: number; state: string; participants: readonly string[]; durationMs: number; uploadBytes: number }[];
  readonly privacy: RunView['privacy'];
  readonly metrics: { averageSite: Scores; bestSite: Scores; federated: Scores; pooled: Scores };
  readonly encryption: RunView['encryption'];
  readonly model: { name: string; version: number; sha256: string; path: string };
  readonly serving: readonly ServingReport[];
  readonly dashboardUrl: string;
}
type Scores = Pick<Metrics, 'accuracy' | 'auc' | 'f1'>;

export interface ReportParts {
  readonly run: RunView;
  readonly reference: Reference;
  readonly version: VersionView;
  readonly modelPath: string;
  readonly serving: readonly ServingReport[];
  readonly dashboardUrl: string;
}

export function reportOf({ run, reference, version, modelPath, serving, dashboardUrl }: ReportParts): Report {
  const { accuracy, auc, f1 } = run.rounds.at(-1)!.metrics!;
  return {
    federation: run.federation,
    sites: run.rounds.at(-1)!.cohort,
    threshold: run.spec.sites.threshold,
    rounds: run.rounds.map((r) => ({
      number: r.number, state: r.state, participants: r.participants, uploadBytes: r.uploadBytes,
      durationMs: r.finishedAt ? Date.parse(r.finishedAt) - Date.parse(r.startedAt) : 0,
    })),
    privacy: run.privacy,
    metrics: { averageSite: reference.averageSite, bestSite: reference.bestSite, federated: { accuracy, auc, f1 }, pooled: reference.pooled },
    encryption: run.encryption,
    model: { name: version.model, version: version.version, sha256: version.sha256, path: modelPath },
    serving,
    dashboardUrl,
  };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The table people read. */
export function textReport(report: Report): string {
  const { privacy, metrics, encryption, serving, model } = report;
  const epsilon = privacy.epsilonBudget === null ? 'no privacy noise' : `ε ${privacy.epsilonSpent!.toFixed(2)} of ${privacy.epsilonBudget} spent (δ ${privacy.delta})`;
  const scheme = encryption.scheme === 'ckks-threshold' ? 'threshold CKKS' : encryption.scheme;
  const row = (label: string, s: Scores): string => `${label.padEnd(38)}${[s.accuracy, s.auc, s.f1].map((v) => v.toFixed(3).padStart(9)).join('')}`;
  const lift = 100 * (metrics.federated.accuracy - metrics.averageSite.accuracy);
  const seconds = median(report.rounds.map((r) => r.durationMs)) / 1000;
  const title = `${report.federation} · ${report.sites.length} hospitals · ${report.threshold}-of-${report.sites.length} ${scheme} · ${epsilon}`;
  return [
    '', title, '',
    `${''.padEnd(38)}${['accuracy', 'AUC', 'F1'].map((h) => h.padStart(9)).join('')}`,
    row('each hospital alone (mean)', metrics.averageSite),
    row('best single hospital', metrics.bestSite),
    row(privacy.epsilonBudget === null ? 'federated, encrypted' : 'federated, encrypted, DP', metrics.federated),
    row('pooled in one place (demo reference)', metrics.pooled),
    '',
    `lift over the average hospital        ${`${lift >= 0 ? '+' : ''}${lift.toFixed(1)}`.padStart(9)} points of accuracy`,
    `bytes per parameter ${encryption.bytesPerParameter.toFixed(1)} · round time ${seconds.toFixed(1)} s · edge p50/p99 ${median(serving.map((s) => s.p50Ms)).toFixed(1)}/${Math.max(...serving.map((s) => s.p99Ms)).toFixed(1)} ms`,
    `model ${model.name} version ${model.version} · sha256 ${model.sha256}`,
    `dashboard ${report.dashboardUrl}`,
    '',
  ].join('\n');
}

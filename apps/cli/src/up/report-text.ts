import { quantile } from './quantile.js';
import type { Report, Scores } from './report.js';
import type { ServingReport } from './serving-node.js';

const LABEL_WIDTH = 38;
const COLUMN_WIDTH = 9;

/** The table people read: at most 80 columns, but for addresses and paths. */
export function textReport(report: Report, { stillServing }: { readonly stillServing: boolean }): string {
  const { privacy, metrics, model } = report;
  const scores = (label: string, s: Scores): string =>
    row(
      label,
      [s.accuracy, s.auc, s.f1].map((v) => v.toFixed(3)),
    );
  const lift = 100 * (metrics.federated.accuracy - metrics.averageSite.accuracy);
  const absent = report.sites.filter((site) => !report.rounds.at(-1)?.participants.includes(site));
  return [
    '',
    title(report),
    ...(absent.length > 0 ? [`without ${absent.join(', ')} in the last round`] : []),
    '',
    row('', ['accuracy', 'AUC', 'F1']),
    scores('each hospital alone (mean)', metrics.averageSite),
    scores('best single hospital', metrics.bestSite),
    scores(privacy.epsilonBudget === null ? 'federated, encrypted' : 'federated, encrypted, DP', metrics.federated),
    scores('pooled in one place (demo reference)', metrics.pooled),
    `${row('lift over the average hospital', [`${lift >= 0 ? '+' : ''}${lift.toFixed(1)}`])} points of accuracy`,
    '',
    sent(report),
    `round time ${roundTime(report)} · ${latency(report.serving)}`,
    ...report.notServing.map(({ site, reason }) => `${site} does not serve it: ${reason}`),
    '',
    `model      ${model.name} version ${model.version}${model.runId === report.runId ? '' : ', of another run that was promoted since'}`,
    `sha256     ${model.sha256}`,
    `file       ${model.path}`,
    ...(stillServing
      ? [
          `lineage    ${new URL(report.dashboardUrl).origin}/#/models/${model.name}/${model.version}`,
          `dashboard  ${report.dashboardUrl}`,
        ]
      : []),
    '',
  ].join('\n');
}

function row(label: string, cells: readonly string[]): string {
  return label.padEnd(LABEL_WIDTH) + cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join('');
}

function title({ federation, sites, threshold, encryption, privacy }: Report): string {
  const spent =
    privacy.epsilonSpent === null || privacy.epsilonBudget === null
      ? 'no privacy noise'
      : `ε ${privacy.epsilonSpent.toFixed(2)} of ${privacy.epsilonBudget} spent`;
  return `${federation} · ${sites.length} hospitals · ${threshold}-of-${sites.length} ${encryption.title} · ${spent}`;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');

function sent({ upload: { bytes, values }, encryption }: Report): string {
  return `an upload is ${whole(bytes)} bytes for ${values} values: ${whole(bytes / values)} each (${encryption.bytesPerParameter.toFixed(1)} in full blocks)`;
}

/** The median round's. */
function roundTime({ rounds }: Report): string {
  return `${(
    quantile(
      rounds.map((r) => r.durationMs),
      0.5,
    ) / 1000
  ).toFixed(1)} s`;
}

/** The median hospital's p50 and the slowest one's p99. */
function latency(serving: readonly ServingReport[]): string {
  const p50 = quantile(
    serving.map((s) => s.p50Ms),
    0.5,
  );
  const p99 = quantile(
    serving.map((s) => s.p99Ms),
    1,
  );
  return `edge p50/p99 ${p50.toFixed(1)}/${p99.toFixed(1)} ms`;
}

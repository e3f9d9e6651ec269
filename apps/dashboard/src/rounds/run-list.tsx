import type { RunView } from '@koinon/contracts';
import { hrefs } from '../router.js';
import { Badge } from '../ui/figures.js';
import { formatNumber, formatRate } from '../ui/format.js';
import { Ago, Duration } from '../ui/time.js';
import { runTones } from './run-head.js';
import { lastRound, latestMetrics } from './runs.js';

export function RunList({ runs, title }: { runs: readonly RunView[]; title: string }) {
  if (runs.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="run-list-title">
      <header className="panel-head">
        <h2 id="run-list-title">{title}</h2>
      </header>
      <div className="scroll">
        <table className="runs">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Started</th>
              <th scope="col">State</th>
              <th scope="col" className="num">
                Took
              </th>
              <th scope="col" className="num">
                Rounds
              </th>
              <th scope="col" className="num">
                Accuracy
              </th>
              <th scope="col" className="num">
                AUC
              </th>
              <th scope="col" className="num">
                ε spent
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row key={run.id} run={run} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ run }: { run: RunView }) {
  const metrics = latestMetrics(run)?.now;
  const { epsilonBudget, epsilonSpent } = run.privacy;
  return (
    <tr>
      <th scope="row">
        <a href={hrefs.run(run.id)}>
          {run.federation} <code>{run.id.slice(0, 8)}</code>
        </a>
      </th>
      <td data-label="Started">
        <Ago at={run.startedAt} />
      </td>
      <td data-label="State">
        <Badge tone={runTones[run.state]}>{run.state}</Badge>{' '}
        {run.failure ? <code className="quiet">{run.failure.code}</code> : null}
      </td>
      <td data-label="Took" className="num">
        <Duration startedAt={run.startedAt} finishedAt={run.finishedAt} />
      </td>
      <td data-label="Rounds" className="num">
        {lastRound(run)?.number ?? 0} <span className="quiet">of {run.spec.rounds}</span>
      </td>
      <td data-label="Accuracy" className="num">
        {metrics ? formatRate(metrics.accuracy) : '–'}
      </td>
      <td data-label="AUC" className="num">
        {metrics ? formatRate(metrics.auc) : '–'}
      </td>
      <td data-label="ε spent" className="num">
        {epsilonBudget === null ? 'no bound' : `${formatNumber(epsilonSpent ?? 0)} of ${formatNumber(epsilonBudget)}`}
      </td>
    </tr>
  );
}

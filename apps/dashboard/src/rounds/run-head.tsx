import type { Metrics, RunView } from '@koinon/contracts';
import { CopyButton } from '../ui/copy.js';
import { Badge, Epsilon, Fact, type Tone } from '../ui/figures.js';
import { formatChange, formatNumber, formatRate, formatSetting, words } from '../ui/format.js';
import { Ago, Duration } from '../ui/time.js';
import { lastRound, latestMetrics, thresholdText } from './runs.js';

export const runTones: Record<RunView['state'], Tone> = {
  running: 'busy',
  done: 'good',
  failed: 'bad',
  cancelled: 'still',
};

/** What runs, under which guarantees, and how well it does so far. */
export function RunHead({ run }: { run: RunView }) {
  const { spec, privacy } = run;
  const round = lastRound(run);
  const metrics = latestMetrics(run);
  return (
    <header className="panel run-head">
      <div className="run-title">
        <h1>{run.federation}</h1>
        <Badge tone={runTones[run.state]}>{run.state}</Badge>
        <p className="quiet">
          started <Ago at={run.startedAt} />, {run.finishedAt ? 'took' : 'running for'}{' '}
          <Duration startedAt={run.startedAt} finishedAt={run.finishedAt} />
          {' · '}
          <span className="digest">
            run <code title={run.id}>{run.id.slice(0, 8)}</code>
            <CopyButton text={run.id} label="id of the run" />
          </span>
        </p>
      </div>
      {metrics ? <Headline now={metrics.now} before={metrics.before} /> : null}
      <dl className="facts">
        <Fact name="Round">
          {round?.number ?? 0} <span className="quiet">of {spec.rounds}</span>
        </Fact>
        <Fact name="Sites">
          {round ? round.cohort.length : <span className="quiet">at least {spec.sites.min}</span>}
        </Fact>
        <Fact name="Decrypt together">{thresholdText(run)}</Fact>
        <Fact name="Secure sum">
          {run.encryption.title}{' '}
          <span className="quiet">
            {spec.encryption.bits}-bit, {formatNumber(run.encryption.bytesPerParameter)} B per parameter in full blocks
          </span>
        </Fact>
        <Fact name="Privacy spent, ε">
          <Epsilon spent={privacy.epsilonSpent} budget={privacy.epsilonBudget} />
        </Fact>
        <Fact name="δ per record">
          {formatNumber(privacy.delta)}
          {privacy.noiseMultiplier > 0 ? (
            <span className="quiet"> σ {formatNumber(privacy.noiseMultiplier)}</span>
          ) : null}
        </Fact>
        <Fact name="Strategy">
          {spec.strategy.name}
          <Parameters params={spec.strategy.params} />
        </Fact>
        {run.seed === null ? null : <Fact name="Seed">{run.seed}</Fact>}
      </dl>
    </header>
  );
}

function Parameters({ params }: { params: RunView['spec']['strategy']['params'] }) {
  const entries = Object.entries(params);
  if (entries.length === 0) return null;
  return (
    <span className="quiet">
      {' '}
      {entries.map(([name, value]) => `${words(name)} ${formatSetting(value)}`).join(', ')}
    </span>
  );
}

function Headline({ now, before }: { now: Metrics; before: Metrics | undefined }) {
  const figures = [
    ['accuracy', 'Accuracy'],
    ['auc', 'AUC'],
    ['f1', 'F1'],
  ] as const;
  return (
    <dl className="headline" title={`On ${now.records} test records of all participating sites together`}>
      {figures.map(([key, name]) => (
        <div key={key} data-series={key}>
          <dt>{name}</dt>
          <dd>
            {formatRate(now[key])}
            {before ? (
              <small>
                {formatChange(now[key] - before[key])}
                <span className="unseen"> against the round before</span>
              </small>
            ) : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

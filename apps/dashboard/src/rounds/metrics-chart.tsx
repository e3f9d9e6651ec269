import type { RunView } from '@koinon/contracts';
import { formatRate } from '../ui/format.js';
import { rateDomain, roundTicks, spread } from './scale.js';

const series = [
  { key: 'auc', name: 'AUC' },
  { key: 'accuracy', name: 'accuracy' },
  { key: 'f1', name: 'F1' },
] as const;

const box = { width: 360, height: 236, left: 34, right: 94, top: 12, bottom: 26 };
const plotRight = box.width - box.right;
const plotBottom = box.height - box.bottom;

/** Accuracy, AUC and F1 after each round, on the test splits of all sites together. */
export function MetricsChart({ run }: { run: RunView }) {
  const evaluated = run.rounds.filter((r) => r.metrics !== null).sort((a, b) => a.number - b.number);
  const gate = run.spec.promotion.gate.minAuc;
  return (
    <section className="panel chart" aria-labelledby="chart-title">
      <header className="panel-head">
        <h2 id="chart-title">Quality per round</h2>
        <p className="quiet">
          all sites’ test records{evaluated.length ? `, ${evaluated.at(-1)!.metrics!.records} in all` : ''}
        </p>
      </header>
      {evaluated.length === 0 ? (
        <p className="quiet nothing">The first figures come when a round has been evaluated.</p>
      ) : (
        <Plot
          points={evaluated.map((r) => ({ round: r.number, ...r.metrics! }))}
          rounds={run.spec.rounds}
          gate={gate}
        />
      )}
      {gate === undefined || evaluated.length === 0 ? null : (
        <p className="gate-key quiet">
          AUC {formatRate(gate)} is needed for promotion to {run.spec.promotion.alias}
        </p>
      )}
    </section>
  );
}

type Point = { round: number; accuracy: number; auc: number; f1: number };

function Plot({ points, rounds, gate }: { points: readonly Point[]; rounds: number; gate: number | undefined }) {
  const values = points.flatMap((p) => [p.accuracy, p.auc, p.f1]);
  const { low, high, ticks } = rateDomain(gate === undefined ? values : [...values, gate]);
  const last = points.at(-1)!;
  const x = (round: number) => box.left + 6 + ((round - 1) / Math.max(1, rounds - 1)) * (plotRight - box.left - 12);
  const y = (rate: number) => plotBottom - ((rate - low) / (high - low)) * (plotBottom - box.top);
  const labels = spread(
    series.map((s) => y(last[s.key])),
    17,
    box.top + 2,
    plotBottom - 2,
  );
  const spoken = series
    .map((s) => `${s.name} ${formatRate(points[0]![s.key])} to ${formatRate(last[s.key])}`)
    .join(', ');
  return (
    <svg
      viewBox={`0 0 ${box.width} ${box.height}`}
      role="img"
      aria-label={`Rounds ${points[0]!.round} to ${last.round}: ${spoken}. The table below has every value.`}
    >
      {ticks.map((tick) => (
        <g key={tick} className="grid">
          <line x1={box.left} x2={plotRight} y1={y(tick)} y2={y(tick)} />
          <text x={box.left - 6} y={y(tick)} textAnchor="end" dominantBaseline="central">
            {tick.toFixed(2).replace(/^0/, '')}
          </text>
        </g>
      ))}
      {roundTicks(rounds).map((round) => (
        <text key={round} className="axis" x={x(round)} y={box.height - 8} textAnchor="middle">
          {round}
        </text>
      ))}
      {gate === undefined ? null : (
        <g className="gate">
          <line x1={box.left} x2={plotRight} y1={y(gate)} y2={y(gate)} />
        </g>
      )}
      {series.map(({ key, name }, i) => (
        <g key={key} data-series={key}>
          <polyline points={points.map((p) => `${x(p.round)},${y(p[key])}`).join(' ')} />
          {points.map((p) => (
            <circle key={p.round} cx={x(p.round)} cy={y(p[key])} r="3.2">
              <title>{`Round ${p.round}: ${name} ${formatRate(p[key])}`}</title>
            </circle>
          ))}
          <path className="leader" d={`M${x(last.round) + 5} ${y(last[key])}L${plotRight + 6} ${labels[i]}`} />
          <text x={plotRight + 10} y={labels[i]} dominantBaseline="central">
            <tspan className="value">{formatRate(last[key])}</tspan> {name}
          </text>
        </g>
      ))}
    </svg>
  );
}

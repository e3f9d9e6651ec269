import type { Metrics, RoundView, RunView } from '@koinon/contracts';
import { hrefs } from '../router.js';
import { formatBytes, formatDuration, formatRate } from '../ui/format.js';
import { useNow } from '../ui/time.js';
import { durationMs, phaseNames, phasesOf, rolesOf, type Phase } from './timeline.js';

/** All rounds on one time scale: where the time went, who took part, what came out. Newest first. */
export function RoundTable({ run, shown, onPick }: { run: RunView; shown: number; onPick: (round: number) => void }) {
  const now = useNow();
  const rounds = [...run.rounds].sort((a, b) => b.number - a.number);
  const longest = Math.max(1, ...rounds.map((r) => durationMs(r, now)));
  return (
    <section className="panel" aria-labelledby="rounds-title">
      <header className="panel-head">
        <h2 id="rounds-title">Rounds</h2>
        <Legend />
      </header>
      <div className="scroll">
        <table className="rounds">
          <thead>
            <tr>
              <th scope="col">Round</th>
              <th scope="col" className="grow">
                Time
              </th>
              <th scope="col">Sites</th>
              <th scope="col" className="num">
                Uploaded
              </th>
              <th scope="col" className="num">
                Accuracy
              </th>
              <th scope="col" className="num">
                AUC
              </th>
              <th scope="col" className="num">
                F1
              </th>
              <th scope="col">Version</th>
            </tr>
          </thead>
          <tbody>
            {rounds.map((round) => (
              <tr key={round.id}>
                <th scope="row">
                  <button
                    type="button"
                    className="pick"
                    aria-pressed={round.number === shown}
                    onClick={() => onPick(round.number)}
                  >
                    <span className="unseen">Show round </span>
                    {round.number}
                  </button>
                </th>
                <td data-label="Time">
                  <TimeBar
                    phases={phasesOf(round, now)}
                    longest={longest}
                    total={durationMs(round, now)}
                    state={round.state}
                  />
                </td>
                <td data-label="Sites">
                  <Sites round={round} />
                </td>
                <td data-label="Uploaded" className="num">
                  {formatBytes(round.uploadBytes)}
                </td>
                <Rates metrics={round.metrics} />
                <td data-label="Version">
                  {round.version === null ? (
                    <None />
                  ) : (
                    <a href={hrefs.version(run.spec.name, round.version)}>v{round.version}</a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function TimeBar({
  phases,
  longest,
  total,
  state,
}: {
  phases: readonly Phase[];
  longest: number;
  total: number;
  state: RoundView['state'];
}) {
  return (
    <span className="time">
      <span className="bar" aria-hidden="true">
        {phases.map(({ name, durationMs: ms, status }) =>
          ms === null ? null : (
            <i
              key={name}
              data-phase={name}
              data-status={status}
              title={`${name}: ${formatDuration(ms)}`}
              style={{ inlineSize: `${(100 * ms) / longest}%` }}
            />
          ),
        )}
      </span>
      <span className="total">
        {formatDuration(total)}
        {state === 'done' ? null : <em data-state={state}> {state}</em>}
      </span>
    </span>
  );
}

function Sites({ round }: { round: RoundView }) {
  const roles = rolesOf(round);
  return (
    <div>
      <span className="sites">
        <span className="pips" aria-hidden="true">
          {roles.map(({ site, role }) => (
            <i key={site} data-role={role} title={`${site}: ${role}`} />
          ))}
        </span>
        {round.participants.length} of {round.cohort.length}
      </span>
      {round.exclusions.map(({ site, code }) => (
        <span key={site} className="reasons">
          <span className="unseen">excluded: </span>
          {site} <code>{code}</code>
        </span>
      ))}
    </div>
  );
}

function Rates({ metrics }: { metrics: Metrics | null }) {
  const keys = [
    ['accuracy', 'Accuracy'],
    ['auc', 'AUC'],
    ['f1', 'F1'],
  ] as const;
  return keys.map(([key, label]) => (
    <td key={key} data-label={label} className="num">
      {metrics ? formatRate(metrics[key]) : <None />}
    </td>
  ));
}

function None() {
  return (
    <span className="quiet">
      <span aria-hidden="true">–</span>
      <span className="unseen">none yet</span>
    </span>
  );
}

function Legend() {
  return (
    <ul className="legend" aria-hidden="true">
      {phaseNames.map((name) => (
        <li key={name}>
          <i data-phase={name} />
          {name}
        </li>
      ))}
    </ul>
  );
}

import type { RoundView, RunView } from '@koinon/contracts';
import { hrefs } from '../router.js';
import { Digest } from '../ui/copy.js';
import { Badge } from '../ui/figures.js';
import { formatBytes, formatDuration } from '../ui/format.js';
import { Icon } from '../ui/icons.js';
import { Coded, FailureNote } from '../ui/states.js';
import { Duration, useNow } from '../ui/time.js';
import { isOver, phaseHints, phasesOf, rolesOf, type Phase } from './timeline.js';

/** One round: its states with their durations, and what every site of the cohort did. */
export function RoundDetail({ round, run }: { round: RoundView; run: RunView }) {
  // The run's own note already says it when this round is what stopped the run.
  const failure = round.failure?.code === run.failure?.code ? null : round.failure;
  const phases = phasesOf(round, useNow());
  return (
    <section className="panel round" aria-labelledby="round-title">
      <header className="panel-head">
        <h2 id="round-title">
          Round {round.number} <span className="quiet">of {run.spec.rounds}</span>
        </h2>
        <Badge tone={round.state === 'done' ? 'good' : round.state === 'failed' ? 'bad' : 'busy'}>{round.state}</Badge>
        <p className="quiet">
          <Duration startedAt={round.startedAt} finishedAt={round.finishedAt} /> · {formatBytes(round.uploadBytes)}{' '}
          uploaded
          {round.version === null ? null : (
            <>
              {' · '}
              <a href={hrefs.version(run.spec.name, round.version)}>made version {round.version}</a>
            </>
          )}
        </p>
      </header>
      <ol className="phases">
        {phases.map((phase) => (
          <PhaseStep key={phase.name} phase={phase} />
        ))}
        <li className="phase" data-status={round.state === 'done' ? 'past' : 'ahead'} data-phase="done">
          <i aria-hidden="true">{round.state === 'done' ? <Icon name="check" /> : null}</i>
          <b>done</b>
          <span>{round.state === 'done' ? formatDuration(total(phases)) : ''}</span>
        </li>
      </ol>
      {failure ? <FailureNote what="The round failed." failure={failure} /> : null}
      <Cohort round={round} />
    </section>
  );
}

function PhaseStep({ phase }: { phase: Phase }) {
  const { name, status, durationMs } = phase;
  return (
    <li
      className="phase"
      data-status={status}
      data-phase={name}
      aria-current={status === 'now' ? 'step' : undefined}
      title={phaseHints[name]}
    >
      <i aria-hidden="true">
        {status === 'past' ? <Icon name="check" /> : status === 'failed' ? <Icon name="cross" /> : null}
      </i>
      <b>{name}</b>
      <span>
        {durationMs === null ? '' : formatDuration(durationMs)}
        {status === 'failed' ? <span className="unseen"> failed here</span> : null}
      </span>
    </li>
  );
}

function Cohort({ round }: { round: RoundView }) {
  const roles = rolesOf(round);
  return (
    <>
      <table className="cohort">
        <caption className="unseen">Sites of round {round.number}</caption>
        <thead>
          <tr>
            <th scope="col">Site</th>
            <th scope="col">Update</th>
            <th scope="col">Decrypts</th>
          </tr>
        </thead>
        <tbody>
          {roles.map(({ site, role, code, decrypts }) => (
            <tr key={site} data-role={role}>
              <th scope="row">{site}</th>
              <td>
                <Badge tone={role === 'delivered' ? 'good' : role === 'excluded' ? 'warn' : 'still'}>
                  {role === 'awaited' && isOver(round) ? 'not taken' : role}
                </Badge>
                {code ? <Coded code={code} detail={null} /> : null}
              </td>
              <td>{decrypts ? <KeyHolder /> : <span className="quiet">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {round.keyEpochId === null ? null : (
        <p className="quiet epoch">
          key epoch <Digest value={round.keyEpochId} label="id of the key epoch" />
        </p>
      )}
    </>
  );
}

function KeyHolder() {
  return (
    <span className="key-holder">
      <Icon name="key" />
      decryptor
    </span>
  );
}

function total(phases: readonly Phase[]): number {
  return phases.reduce((sum, p) => sum + (p.durationMs ?? 0), 0);
}

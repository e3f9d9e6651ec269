import { useState } from 'react';
import type { RunView } from '@koinon/contracts';
import { useSession, useView } from '../api.js';
import { hrefs } from '../router.js';
import { Empty, FailureNote, Viewed } from '../ui/states.js';
import { MetricsChart } from './metrics-chart.js';
import { RoundDetail } from './round-detail.js';
import { RoundTable } from './round-table.js';
import { RunHead } from './run-head.js';
import { RunList } from './run-list.js';
import { announcementOf, inOrder, lastRound } from './runs.js';

/** The current or latest run, or the one asked for, with all others below. */
export function RunsPage({ runId }: { runId: string | null }) {
  const { views } = useSession();
  const view = useView(views.runs);
  return (
    <Viewed what="the runs" view={view} retry={() => void views.runs.refresh()}>
      {(runs) => {
        const ordered = inOrder(runs);
        const run = runId === null ? ordered[0] : ordered.find((r) => r.id === runId);
        if (!run && runId !== null) return <UnknownRun />;
        if (!run) return <NoRun />;
        return (
          <>
            <RunDetail key={run.id} run={run} />
            <RunList
              runs={ordered.filter((r) => r.id !== run.id)}
              title={runId === null ? 'Earlier runs' : 'Other runs'}
            />
          </>
        );
      }}
    </Viewed>
  );
}

function RunDetail({ run }: { run: RunView }) {
  // Follows the newest round until somebody picks one.
  const [picked, setPicked] = useState<number | null>(null);
  const latest = lastRound(run);
  const shown = run.rounds.find((r) => r.number === picked) ?? latest;
  const pick = (number: number) => setPicked(number === latest?.number ? null : number);
  return (
    <article className="run" data-run={run.id}>
      <p role="status" className="unseen">
        {announcementOf(run)}
      </p>
      <RunHead run={run} />
      {run.failure ? <FailureNote what="The run stopped." failure={run.failure} /> : null}
      {shown ? (
        <>
          <div className="run-body">
            <RoundDetail round={shown} run={run} />
            <MetricsChart run={run} />
          </div>
          <RoundTable run={run} shown={shown.number} onPick={pick} />
        </>
      ) : (
        <section className="panel empty">
          <h2>{run.state === 'running' ? 'Before the first round' : 'No round was started'}</h2>
          <p>
            {run.state === 'running'
              ? 'The sites agree on a key of which each holds a part. Rounds appear here as they start.'
              : 'The run ended before its first round.'}
          </p>
        </section>
      )}
    </article>
  );
}

function NoRun() {
  return (
    <Empty title="No run yet">
      Start one with <code>koinon run start</code>; its rounds appear here as they happen.{' '}
      <a href={hrefs.sites}>See which sites are there</a>.
    </Empty>
  );
}

function UnknownRun() {
  return (
    <Empty title="This run is not known">
      The coordinator has no run of this id. <a href={hrefs.runs}>Go to the latest run</a>.
    </Empty>
  );
}

import { catalogue, type SiteView } from '@koinon/contracts';
import { useSession, useView } from '../api.js';
import { hrefs } from '../router.js';
import { inOrder } from '../rounds/runs.js';
import { Digest } from '../ui/copy.js';
import { Badge, Epsilon, type Tone } from '../ui/figures.js';
import { count, formatLatency, formatNumber } from '../ui/format.js';
import { Empty, Viewed } from '../ui/states.js';
import { Ago, useNow } from '../ui/time.js';
import { clockTrouble, presenceOf, type Presence } from './presence.js';

const tones: Record<Presence, Tone> = { online: 'good', quiet: 'warn', invited: 'still' };

/** Every site of the federation: is it there, who is it, what does it serve, what has it spent. */
export function SitesPage() {
  const { views } = useSession();
  const sites = useView(views.sites);
  const runs = useView(views.runs).data ?? [];
  const budget = inOrder(runs)[0]?.privacy.epsilonBudget;
  return (
    <Viewed what="the sites" view={sites} retry={() => void views.sites.refresh()}>
      {(list) =>
        list.length === 0 ? (
          <Empty title="No site yet">
            A site appears here once an operator has invited it, and is enrolled when its edge node has used the
            one-time token.
          </Empty>
        ) : (
          <SiteTable sites={list} budget={budget} />
        )
      }
    </Viewed>
  );
}

function SiteTable({ sites, budget }: { sites: readonly SiteView[]; budget: number | null | undefined }) {
  const now = useNow();
  const presences = sites.map((site) => presenceOf(site, now));
  const online = presences.filter((p) => p === 'online').length;
  return (
    <section className="panel" aria-labelledby="sites-title">
      <header className="panel-head">
        <h1 id="sites-title">Sites</h1>
        <p className="quiet" role="status">
          {online} of {count(sites.length, 'site')} online
        </p>
      </header>
      <div className="scroll">
        <table className="sites-table">
          <thead>
            <tr>
              <th scope="col">Site</th>
              <th scope="col">State</th>
              <th scope="col">Last seen</th>
              <th scope="col">Serves</th>
              <th scope="col" className="num">
                p50
              </th>
              <th scope="col" className="num">
                p99
              </th>
              <th scope="col" className="num">
                Requests
              </th>
              <th scope="col">ε spent</th>
              <th scope="col">Identity key, SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {sites.map((site, i) => (
              <Row key={site.id} site={site} presence={presences[i]!} budget={budget} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ site, presence, budget }: { site: SiteView; presence: Presence; budget: number | null | undefined }) {
  const { status } = site;
  const clock = clockTrouble(status?.clockAheadMs);
  return (
    <tr data-presence={presence}>
      <th scope="row">
        {site.name} {site.name === site.id ? null : <code className="quiet">{site.id}</code>}
      </th>
      <td data-label="State">
        <Badge tone={tones[presence]}>{presence}</Badge>
        {clock === null ? null : <Badge tone="warn">{clock}</Badge>}
      </td>
      <td data-label="Last seen">
        {site.lastSeenAt === null ? <span className="quiet">never</span> : <Ago at={site.lastSeenAt} />}
      </td>
      <td data-label="Serves">
        <Serves status={status} />
      </td>
      <td data-label="p50" className="num">
        {status?.p50Ms === undefined ? '–' : formatLatency(status.p50Ms)}
      </td>
      <td data-label="p99" className="num">
        {status?.p99Ms === undefined ? '–' : formatLatency(status.p99Ms)}
      </td>
      <td data-label="Requests" className="num">
        {status ? status.requests.toLocaleString('en-US') : '–'}
      </td>
      <td data-label="ε spent">
        {budget === undefined || status === null ? '–' : <Epsilon spent={status.epsilonSpent} budget={budget} />}
        {site.epsilonForgotten === null ? null : (
          <Badge tone="bad">was {formatNumber(site.epsilonForgotten)}: its ledger was lost or put back</Badge>
        )}
      </td>
      <td data-label="Identity key" className="span-2">
        {site.keyFingerprint === null ? (
          <span className="quiet">not enrolled</span>
        ) : (
          <Digest value={site.keyFingerprint} label={`identity fingerprint of ${site.name}`} />
        )}
      </td>
    </tr>
  );
}

/** What the site answers for, and why not for what it was given. */
function Serves({ status }: { status: SiteView['status'] }) {
  const { serving = [], notServing = [] } = status ?? {};
  if (serving.length + notServing.length === 0) return <span className="quiet">nothing</span>;
  return (
    <ul>
      {serving.map(({ model, version, expired }) => (
        <li key={model}>
          <a href={hrefs.version(model, version)}>
            {model} v{version}
          </a>{' '}
          {expired ? <Badge tone="warn">expired</Badge> : null}
        </li>
      ))}
      {notServing.map(({ model, code }) => (
        <li key={`not ${model}`} title={catalogue[code][1]}>
          {model}: <code>{code}</code>
        </li>
      ))}
    </ul>
  );
}

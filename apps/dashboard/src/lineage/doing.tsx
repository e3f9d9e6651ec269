import type { SiteView, VersionView } from '@koinon/contracts';
import { count, formatLatency, formatRate } from '../ui/format.js';

/** How a version is doing: its metrics, and how fast each site that serves it answers. */
export function Doing({ version, sites }: { version: VersionView; sites: readonly SiteView[] }) {
  const { metrics } = version;
  const rates =
    metrics &&
    ([
      ['Accuracy', metrics.accuracy],
      ['AUC', metrics.auc],
      ['F1', metrics.f1],
    ] as const);
  return (
    <div className="doing">
      {rates ? (
        <dl className="headline plain">
          {rates.map(([name, rate]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{formatRate(rate)}</dd>
            </div>
          ))}
          <p className="quiet">on {count(metrics.records, 'test record')} of all participating sites together</p>
        </dl>
      ) : (
        <p className="quiet">Not evaluated.</p>
      )}
      {version.servedBy.length === 0 ? (
        <p className="quiet">No site serves it now.</p>
      ) : (
        <table className="latency">
          <caption className="unseen">Sites that serve version {version.version}</caption>
          <thead>
            <tr>
              <th scope="col">Served by</th>
              <th scope="col" className="num">
                p50
              </th>
              <th scope="col" className="num">
                p99
              </th>
              <th scope="col" className="num">
                Requests
              </th>
            </tr>
          </thead>
          <tbody>
            {version.servedBy.map((id) => (
              <Serving key={id} id={id} site={sites.find((s) => s.id === id)} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Serving({ id, site }: { id: string; site: SiteView | undefined }) {
  const { p50Ms, p99Ms, requests } = site?.status ?? {};
  return (
    <tr>
      <th scope="row">{site?.name ?? id}</th>
      <td className="num">{p50Ms === undefined ? '–' : formatLatency(p50Ms)}</td>
      <td className="num">{p99Ms === undefined ? '–' : formatLatency(p99Ms)}</td>
      <td className="num">{requests === undefined ? '–' : requests.toLocaleString('en-US')}</td>
    </tr>
  );
}

import type { ModelView, SiteView, VersionView } from '@koinon/contracts';
import { useSession, useView } from '../api.js';
import { hrefs } from '../router.js';
import { Digest } from '../ui/copy.js';
import { Alias } from '../ui/figures.js';
import { count, formatBytes, formatRate } from '../ui/format.js';
import { Icon } from '../ui/icons.js';
import { Empty, Viewed } from '../ui/states.js';
import { Ago } from '../ui/time.js';
import { Doing } from './doing.js';
import { servedVersions } from './provenance.js';

/** What serves now, and every version there was. */
export function ModelsPage() {
  const { views } = useSession();
  const models = useView(views.models);
  const sites = useView(views.sites).data ?? [];
  return (
    <Viewed what="the models" view={models} retry={() => void views.models.refresh()}>
      {(list) =>
        list.length === 0 ? (
          <Empty title="No model yet">
            A run registers its first version when it starts. <a href={hrefs.runs}>Go to the runs</a>.
          </Empty>
        ) : (
          list.map((model) => <Model key={model.name} model={model} sites={sites} />)
        )
      }
    </Viewed>
  );
}

function Model({ model, sites }: { model: ModelView; sites: readonly SiteView[] }) {
  const served = servedVersions(model);
  const versions = [...model.versions].sort((a, b) => b.version - a.version);
  return (
    <article className="model">
      <h1>{model.name}</h1>
      {served.length === 0 ? (
        <section className="panel empty">
          <h2>No site serves this model</h2>
          <p>
            Sites take a version up once it is released; the last seen state of each is on the{' '}
            <a href={hrefs.sites}>sites page</a>.
          </p>
        </section>
      ) : (
        <section className="serving" aria-label={`Versions of ${model.name} that serve now`}>
          {served.map((version) => (
            <Served key={version.version} version={version} sites={sites} />
          ))}
        </section>
      )}
      <VersionTable name={model.name} versions={versions} />
    </article>
  );
}

function Served({ version, sites }: { version: VersionView; sites: readonly SiteView[] }) {
  return (
    <section className="panel served">
      <header className="panel-head">
        <p className="eyebrow">Serves now at {count(version.servedBy.length, 'site')}</p>
        <h2>
          Version {version.version}{' '}
          {version.aliases.map((a) => (
            <Alias key={a} name={a} />
          ))}
        </h2>
        <p className="quiet">
          {version.round === null ? 'the initial model' : `made by round ${version.round}`},{' '}
          <Ago at={version.createdAt} />
        </p>
        <a className="action" href={hrefs.version(version.model, version.version)}>
          Where it came from <Icon name="arrow" />
        </a>
      </header>
      <Doing version={version} sites={sites} />
    </section>
  );
}

function VersionTable({ name, versions }: { name: string; versions: readonly VersionView[] }) {
  return (
    <section className="panel" aria-labelledby={`versions-${name}`}>
      <header className="panel-head">
        <h2 id={`versions-${name}`}>Versions</h2>
      </header>
      <div className="scroll">
        <table className="versions">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">From</th>
              <th scope="col" className="num">
                Accuracy
              </th>
              <th scope="col" className="num">
                AUC
              </th>
              <th scope="col" className="num">
                F1
              </th>
              <th scope="col">Served by</th>
              <th scope="col">Made</th>
              <th scope="col" className="num">
                Size
              </th>
              <th scope="col">SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {versions.map((version) => (
              <VersionRow key={version.version} version={version} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function VersionRow({ version }: { version: VersionView }) {
  const { metrics } = version;
  const rates = [
    ['Accuracy', metrics?.accuracy],
    ['AUC', metrics?.auc],
    ['F1', metrics?.f1],
  ] as const;
  return (
    <tr data-served={version.servedBy.length > 0}>
      <th scope="row">
        <a href={hrefs.version(version.model, version.version)}>v{version.version}</a>{' '}
        {version.aliases.map((a) => (
          <Alias key={a} name={a} />
        ))}
      </th>
      <td data-label="From">
        {version.baseVersion === null ? (
          <span className="quiet">initial</span>
        ) : (
          <a href={hrefs.version(version.model, version.baseVersion)}>v{version.baseVersion}</a>
        )}
        {version.runId === null || version.round === null ? null : (
          <>
            {', '}
            <a href={hrefs.run(version.runId)}>round {version.round}</a>
          </>
        )}
      </td>
      {rates.map(([label, rate]) => (
        <td key={label} data-label={label} className="num">
          {rate === undefined ? '–' : formatRate(rate)}
        </td>
      ))}
      <td data-label="Served by">
        {version.servedBy.length === 0 ? <span className="quiet">–</span> : version.servedBy.join(', ')}
      </td>
      <td data-label="Made">
        <Ago at={version.createdAt} />
      </td>
      <td data-label="Size" className="num">
        {formatBytes(version.bytes)}
      </td>
      <td data-label="SHA-256" className="span-2">
        <Digest value={version.sha256} label={`SHA-256 of version ${version.version}`} />
      </td>
    </tr>
  );
}

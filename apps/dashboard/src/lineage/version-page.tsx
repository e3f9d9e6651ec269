import type { VersionDetail } from '@koinon/contracts';
import { useSession, useView } from '../api.js';
import { hrefs } from '../router.js';
import { Digest } from '../ui/copy.js';
import { Alias, Fact } from '../ui/figures.js';
import { formatBytes, formatSetting, words } from '../ui/format.js';
import { Viewed } from '../ui/states.js';
import { Ago } from '../ui/time.js';
import { Doing } from './doing.js';
import { LineageGraph } from './lineage-graph.js';
import { ancestorsOf } from './provenance.js';
import { Statement } from './statement.js';

/** Where one version came from, how it is doing, and the signed statement that says so. */
export function VersionPage({ model, version }: { model: string; version: number }) {
  const { views } = useSession();
  const view = views.version(model, version);
  const state = useView(view);
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <a href={hrefs.models}>Models</a> <span aria-hidden="true">/</span> <span>{model}</span>{' '}
        <span aria-hidden="true">/</span> <span aria-current="page">v{version}</span>
      </nav>
      <Viewed what={`version ${version} of ${model}`} view={state} retry={() => void view.refresh()}>
        {(detail) => <Detail detail={detail} />}
      </Viewed>
    </>
  );
}

function Detail({ detail }: { detail: VersionDetail }) {
  const { views } = useSession();
  const versions = useView(views.models).data?.find((m) => m.name === detail.model)?.versions ?? [];
  const sites = useView(views.sites).data ?? [];
  return (
    <article className="version">
      <header className="panel">
        <div className="panel-head">
          <h1>
            {detail.model} <span className="quiet">version</span> {detail.version}{' '}
            {detail.aliases.map((a) => (
              <Alias key={a} name={a} />
            ))}
          </h1>
          <p className="quiet">
            made <Ago at={detail.createdAt} /> · {formatBytes(detail.bytes)} ·{' '}
            <Digest value={detail.sha256} label="SHA-256 of the model file" />
          </p>
        </div>
        <Doing version={detail} sites={sites} />
      </header>
      <section className="panel" aria-labelledby="lineage-title">
        <header className="panel-head">
          <h2 id="lineage-title">Where it came from</h2>
          <Ancestors chain={ancestorsOf(versions, detail.version)} />
        </header>
        <LineageGraph detail={detail} />
      </section>
      <div className="pair">
        <Recipe detail={detail} />
        <Statement detail={detail} />
      </div>
    </article>
  );
}

function Ancestors({ chain }: { chain: readonly { model: string; version: number }[] }) {
  if (chain.length < 2) return null;
  return (
    <ol className="ancestors" aria-label="Base versions, oldest first">
      {chain.map(({ model, version }, i) => (
        <li key={version}>
          {i === chain.length - 1 ? (
            <b aria-current="page">v{version}</b>
          ) : (
            <a href={hrefs.version(model, version)}>v{version}</a>
          )}
        </li>
      ))}
    </ol>
  );
}

/** Everything somebody needs to do the same again. */
function Recipe({ detail: { lineage } }: { detail: VersionDetail }) {
  return (
    <section className="panel" aria-labelledby="recipe-title">
      <header className="panel-head">
        <h2 id="recipe-title">How it was made</h2>
      </header>
      <dl className="facts list">
        {Object.entries(lineage.local ?? {}).map(([name, value]) => (
          <Fact key={name} name={`Local ${words(name)}`}>
            {formatSetting(value)}
          </Fact>
        ))}
        {lineage.recordsSchemaSha256 === null ? null : (
          <Fact name="Records schema">
            <Digest value={lineage.recordsSchemaSha256} label="SHA-256 of the records schema" />
          </Fact>
        )}
        <Fact name="Code">Koinon {lineage.code.version}</Fact>
        <Fact name="Lock file">
          {lineage.code.lockfileSha256 === null ? (
            <span className="quiet">not recorded</span>
          ) : (
            <Digest value={lineage.code.lockfileSha256} label="SHA-256 of the lock file" />
          )}
        </Fact>
      </dl>
    </section>
  );
}

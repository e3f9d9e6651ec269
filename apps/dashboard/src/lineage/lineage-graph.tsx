/** base version → cohort → secure sum → server step → version, as linked cards; reads as a list without styles. */
import type { ReactNode } from 'react';
import type { VersionDetail } from '@koinon/contracts';
import { hrefs } from '../router.js';
import { Digest } from '../ui/copy.js';
import { Alias, Epsilon, Fact } from '../ui/figures.js';
import { count, formatNumber, formatSetting, words } from '../ui/format.js';
import { Icon } from '../ui/icons.js';
import { Coded } from '../ui/states.js';

export function LineageGraph({ detail }: { detail: VersionDetail }) {
  const { lineage } = detail;
  const cohort = lineage.cohort.length + lineage.exclusions.length;
  if (lineage.runId === null && cohort === 0) {
    return (
      <p className="quiet">
        This is the first version: it was registered as it is, not trained by a federation. Everything else descends
        from it.
      </p>
    );
  }
  return (
    <ol className="lineage">
      <Node title="Base version">
        {lineage.baseVersion === null ? (
          <span className="quiet">none</span>
        ) : (
          <a className="big" href={hrefs.version(lineage.model, lineage.baseVersion)}>
            v{lineage.baseVersion}
          </a>
        )}
        {lineage.runId === null || !lineage.round ? null : (
          <p>
            sent to the sites of <a href={hrefs.run(lineage.runId)}>round {lineage.round}</a>
          </p>
        )}
      </Node>
      <Cohort detail={detail} />
      <SecureSum detail={detail} />
      <ServerStep detail={detail} />
      <Node title="This version" end>
        <span className="big">v{detail.version}</span>{' '}
        {detail.aliases.map((a) => (
          <Alias key={a} name={a} />
        ))}
        <p>
          <Digest value={detail.sha256} label="SHA-256 of the model file" />
        </p>
        <p className="quiet">
          {detail.servedBy.length === 0 ? 'not served' : `serves at ${detail.servedBy.join(', ')}`}
        </p>
      </Node>
    </ol>
  );
}

function Node({
  title,
  note,
  end = false,
  className = '',
  children,
}: {
  title: string;
  note?: string;
  end?: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <li className={`node ${className}`} data-end={end}>
      <h3>
        {title} {note ? <span className="quiet">{note}</span> : null}
      </h3>
      {children}
    </li>
  );
}

function Cohort({ detail: { lineage } }: { detail: VersionDetail }) {
  const cohort = lineage.cohort.length + lineage.exclusions.length;
  return (
    <Node title="Cohort" note={`${lineage.cohort.length} of ${cohort} delivered`} className="cohort-node">
      <ul className="uploads">
        {lineage.cohort.map(({ site, uploadRoot }) => (
          <li key={site}>
            <b>{site}</b>
            <Digest value={uploadRoot} label={`Merkle root of the upload of ${site}`} />
          </li>
        ))}
        {lineage.exclusions.map(({ site, code }) => (
          <li key={site} data-excluded="true">
            <b>
              {site} <span className="quiet">excluded</span>
            </b>
            <Coded code={code} detail={null} />
          </li>
        ))}
      </ul>
      <p className="quiet">Merkle roots of the encrypted uploads</p>
    </Node>
  );
}

function SecureSum({ detail: { lineage } }: { detail: VersionDetail }) {
  const { encryption } = lineage;
  return (
    <Node title="Secure sum">
      {encryption === null ? (
        <p className="quiet">not recorded</p>
      ) : (
        <dl className="facts list">
          <Fact name="Sum root">
            <Digest value={encryption.sumRoot} label="Merkle root of the sum" />
          </Fact>
          <Fact name="Scheme">
            <code>{encryption.scheme}</code>
          </Fact>
          <Fact name="Key epoch">
            <Digest value={encryption.keyEpochId} label="id of the key epoch" />
          </Fact>
          <Fact name="Opened by">
            <span className="decryptors">
              <Icon name="key" />
              {encryption.decryptors.join(', ')}
            </span>
          </Fact>
          <Fact name="Threshold">{count(encryption.threshold, 'site')} must agree</Fact>
        </dl>
      )}
    </Node>
  );
}

function ServerStep({ detail: { lineage } }: { detail: VersionDetail }) {
  const { strategy, privacy } = lineage;
  return (
    <Node title="Server step">
      <dl className="facts list">
        <Fact name="Strategy">{strategy === null ? <span className="quiet">not recorded</span> : strategy.name}</Fact>
        {Object.entries(strategy?.params ?? {}).map(([name, value]) => (
          <Fact key={name} name={words(name)}>
            {formatSetting(value)}
          </Fact>
        ))}
        {privacy === null ? null : (
          <>
            <Fact name={`ε spent per ${privacy.unit}`}>
              {privacy.epsilonSpent === null ? (
                <Epsilon spent={null} budget={null} />
              ) : (
                formatNumber(privacy.epsilonSpent)
              )}
            </Fact>
            <Fact name="δ">{formatNumber(privacy.delta)}</Fact>
            <Fact name="Noise multiplier">{formatNumber(privacy.noiseMultiplier)}</Fact>
          </>
        )}
      </dl>
    </Node>
  );
}

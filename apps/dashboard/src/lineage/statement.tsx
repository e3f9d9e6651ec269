import { useEffect, useState } from 'react';
import type { VersionDetail } from '@koinon/contracts';
import { Digest } from '../ui/copy.js';
import { Badge, Fact, type Tone } from '../ui/figures.js';
import { Icon } from '../ui/icons.js';
import { checkStatement, type StatementCheck } from './provenance.js';

const checks: Record<StatementCheck, readonly [tone: Tone, text: string]> = {
  matches: ['good', 'says what this page shows'],
  differs: ['bad', 'says something else than this page'],
  unreadable: ['bad', 'cannot be read'],
};

/** The signed statement behind the page, to take away and verify elsewhere. */
export function Statement({ detail }: { detail: VersionDetail }) {
  const [tone, text] = checks[checkStatement(detail)];
  const [signature] = detail.statement.signatures;
  return (
    <section className="panel" aria-labelledby="statement-title">
      <header className="panel-head">
        <h2 id="statement-title">Signed statement</h2>
        <Badge tone={tone}>{text}</Badge>
      </header>
      <dl className="facts list">
        <Fact name="Format">DSSE, in-toto statement</Fact>
        <Fact name="Payload type">
          <code>{detail.statement.payloadType}</code>
        </Fact>
        <Fact name="Signed with key">
          {signature ? (
            <Digest value={signature.keyid} label="id of the signing key" />
          ) : (
            <span className="quiet">none</span>
          )}
        </Fact>
      </dl>
      <p className="quiet advice">
        It holds the lineage above, not the metrics and latencies. Verify its Ed25519 signature with the coordinator’s
        public key, which every site pinned when it enrolled.
      </p>
      <Download name={`${detail.model}-v${detail.version}.dsse.json`} value={detail.statement} />
    </section>
  );
}

function Download({ name, value }: { name: string; value: unknown }) {
  const text = JSON.stringify(value, null, 2);
  const [href, setHref] = useState<string>();
  useEffect(() => {
    const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    setHref(url);
    return () => URL.revokeObjectURL(url);
  }, [text]);
  return (
    <a className="action" href={href} download={name}>
      <Icon name="download" /> Download the statement
    </a>
  );
}

/** What a page shows instead of, or above, its data. */
import type { ReactNode } from 'react';
import { catalogue, CodedError, isErrorCode, type Failure } from '@koinon/contracts';
import { Icon } from './icons.js';
import type { ViewState } from '../view.js';

export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <span className="unseen">Loading {what}…</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="panel empty">
      <h1>{title}</h1>
      <p>{children}</p>
    </section>
  );
}

/** An error code with its public message and what was added to it. */
export function Coded({ code, detail }: { code: string; detail: string | null | undefined }) {
  return (
    <span className="coded">
      <code>{code}</code> <span>{isErrorCode(code) ? catalogue[code][1] : 'An unknown error code.'}</span>
      {detail ? <span className="quiet"> Details: {detail}.</span> : null}
    </span>
  );
}

export function FailureNote({ what, failure }: { what: string; failure: Failure }) {
  return (
    <div className="note bad">
      <Icon name="alert" />
      <p>
        <strong>{what}</strong> <Coded code={failure.code} detail={failure.detail} />
      </p>
    </div>
  );
}

/** A view that could not be read: in place of its data, or above the last data there was. */
export function ReadError({ what, error, retry }: { what: string; error: unknown; retry: () => void }) {
  const coded = error instanceof CodedError ? error : new CodedError('INTERNAL');
  // Reads send nothing that could be invalid: it is the answer that does not match this page's schema.
  const mismatch = coded.code === 'REQUEST_INVALID';
  return (
    <div className="note warn" role="alert">
      <Icon name="alert" />
      <p>
        <strong>Could not read {what}.</strong>{' '}
        {mismatch ? (
          <span>
            The coordinator speaks another version than this page; reload it.{' '}
            <code className="quiet">{coded.issues[0]?.path}</code>
          </span>
        ) : (
          <Coded code={coded.code} detail={coded.detail} />
        )}
      </p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** Loading, failed, stale or ready, in one place. */
export function Viewed<T>({
  what,
  view,
  retry,
  children,
}: {
  what: string;
  view: ViewState<T>;
  retry: () => void;
  children: (data: T) => ReactNode;
}) {
  return (
    <>
      {view.error === undefined ? null : <ReadError what={what} error={view.error} retry={retry} />}
      {view.data === undefined ? view.error === undefined && <Loading what={what} /> : children(view.data)}
    </>
  );
}

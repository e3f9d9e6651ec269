import { useState, type FormEvent } from 'react';
import { pastedToken } from '../token.js';
import { Mark } from './icons.js';

/** Shown without a token, or with one the coordinator does not take. */
export function Gate({ refused, onToken }: { refused: boolean; onToken: (token: string) => void }) {
  const [unreadable, setUnreadable] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const pasted = new FormData(event.currentTarget).get('link');
    const token = typeof pasted === 'string' ? pastedToken(pasted) : null;
    setUnreadable(token === null);
    if (token) onToken(token);
  };
  return (
    <main className="gate">
      <div className="panel">
        <p className="brand">
          <Mark />
          Koinon
        </p>
        <h1>{refused ? 'This link is no longer valid' : 'Open the dashboard with its link'}</h1>
        <p>
          {refused
            ? 'The coordinator did not take the token in it. '
            : 'The dashboard reads with a token that comes in its link. '}
          <code>koinon up</code> prints it when it starts: open that link, or paste it here.
        </p>
        <form onSubmit={submit} noValidate>
          <label htmlFor="link">Link or token</label>
          <div className="field">
            <input
              id="link"
              name="link"
              type="password"
              autoComplete="off"
              spellCheck={false}
              placeholder="http://…/#token=…"
              aria-invalid={unreadable}
              aria-describedby="link-help"
            />
            <button type="submit" className="primary">
              Open
            </button>
          </div>
          <p id="link-help" className={unreadable ? 'problem' : 'quiet'} role={unreadable ? 'alert' : undefined}>
            {unreadable
              ? 'There is no token in this text: paste the whole link, or what follows “token=”.'
              : 'It can only read, and stays in this tab until you close it.'}
          </p>
        </form>
      </div>
    </main>
  );
}

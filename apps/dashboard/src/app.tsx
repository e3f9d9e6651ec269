import { useEffect, useMemo, useState } from 'react';
import { startSession, SessionContext, useStore } from './api.js';
import { forgetToken, keepToken, takeToken } from './tab-token.js';
import { ModelsPage } from './lineage/models-page.js';
import { VersionPage } from './lineage/version-page.js';
import { hrefs, routeOf, type Route } from './router.js';
import { RunsPage } from './rounds/runs-page.js';
import { SitesPage } from './sites/sites-page.js';
import { Gate } from './ui/gate.js';
import { Masthead } from './ui/masthead.js';

/** The address and the token in it; both may change while the page is open, when somebody follows a new link. */
export function App() {
  const [token, setToken] = useState(takeToken);
  const [refused, setRefused] = useState(false);
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const onHash = () => {
      setToken(takeToken());
      setRoute(routeOf(location.hash));
    };
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, []);

  const accept = (pasted: string) => {
    keepToken(pasted);
    setRefused(false);
    setToken(pasted);
  };
  const refuse = () => {
    forgetToken();
    setRefused(true);
    setToken(null);
  };
  return token ? (
    <Dashboard key={token} token={token} route={route} onRefused={refuse} />
  ) : (
    <Gate refused={refused} onToken={accept} />
  );
}

function Dashboard({ token, route, onRefused }: { token: string; route: Route; onRefused: () => void }) {
  // The session belongs to the token; onRefused only sets state, so the first one serves.
  const session = useMemo(() => startSession(token, onRefused), [token]);
  useEffect(() => session.start(), [session]);
  const live = useStore(session.live);
  const title = titleOf(route);
  useEffect(() => {
    document.title = `${title} · Koinon`;
    window.scrollTo(0, 0);
  }, [title]);
  return (
    <SessionContext value={session}>
      <Masthead route={route} live={live} />
      <main id="main" tabIndex={-1}>
        <Page route={route} />
      </main>
    </SessionContext>
  );
}

function Page({ route }: { route: Route }) {
  if (route.page === 'runs') return <RunsPage runId={route.runId} />;
  if (route.page === 'models') return <ModelsPage />;
  if (route.page === 'version')
    return <VersionPage key={`${route.model}/${route.version}`} model={route.model} version={route.version} />;
  if (route.page === 'sites') return <SitesPage />;
  return (
    <section className="panel empty">
      <h1>There is no such page</h1>
      <p>
        <a href={hrefs.runs}>Go to the runs</a>
      </p>
    </section>
  );
}

function titleOf(route: Route): string {
  if (route.page === 'version') return `${route.model} v${route.version}`;
  return { runs: 'Runs', models: 'Models', sites: 'Sites', unknown: 'Not found' }[route.page];
}

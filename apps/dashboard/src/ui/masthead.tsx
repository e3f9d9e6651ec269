import type { LiveState } from '../live.js';
import { hrefs, type Route } from '../router.js';
import { Mark } from './icons.js';

const pages = [
  { name: 'Runs', href: hrefs.runs, of: ['runs'] },
  { name: 'Models', href: hrefs.models, of: ['models', 'version'] },
  { name: 'Sites', href: hrefs.sites, of: ['sites'] },
] as const;

export function Masthead({ route, live }: { route: Route; live: LiveState }) {
  const skip = () => document.getElementById('main')?.focus();
  return (
    <header className="masthead">
      <button type="button" className="skip" onClick={skip}>
        Skip to the content
      </button>
      <a className="brand" href={hrefs.runs}>
        <Mark />
        <span>Koinon</span>
      </a>
      <nav aria-label="Pages">
        {pages.map(({ name, href, of }) => (
          <a key={name} href={href} aria-current={(of as readonly string[]).includes(route.page) ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <p
        className="live"
        role="status"
        data-state={live}
        title={live === 'live' ? 'Changes appear as they happen' : 'What you see may be a little old'}
      >
        <i aria-hidden="true" />
        {live}
      </p>
    </header>
  );
}

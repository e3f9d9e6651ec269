/** Routes live in the fragment, so that any static file server can serve the dashboard from `/`. */
export type Route =
  | { readonly page: 'runs'; readonly runId: string | null }
  | { readonly page: 'models' }
  | { readonly page: 'version'; readonly model: string; readonly version: number }
  | { readonly page: 'sites' }
  | { readonly page: 'unknown' };

export function routeOf(fragment: string): Route {
  const [head = '', ...rest] = segments(fragment);
  if (head === '' || (head === 'runs' && rest.length <= 1)) return { page: 'runs', runId: rest[0] ?? null };
  if (head === 'sites' && rest.length === 0) return { page: 'sites' };
  if (head !== 'models') return { page: 'unknown' };
  const [model, version, ...more] = rest;
  if (model === undefined) return { page: 'models' };
  if (version === undefined || more.length > 0 || !/^[1-9]\d{0,8}$/.test(version)) return { page: 'unknown' };
  return { page: 'version', model, version: Number(version) };
}

function segments(fragment: string): string[] {
  const path = fragment.replace(/^#\/?/, '').split('?')[0] ?? '';
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return ['malformed'];
  }
}

export const hrefs = {
  runs: '#/',
  run: (id: string) => `#/runs/${encodeURIComponent(id)}`,
  models: '#/models',
  version: (model: string, version: number) => `#/models/${encodeURIComponent(model)}/${version}`,
  sites: '#/sites',
} as const;

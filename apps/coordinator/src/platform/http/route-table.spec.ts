import { route, type Route } from '@koinon/contracts';
import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { checkRoutes } from './route-table.js';

const known = route({ method: 'GET', path: '/v1/known', access: 'viewer', summary: 'One.', maxBodyBytes: 7 });
const other = route({ method: 'POST', path: '/v1/other', access: 'viewer', summary: 'Another.' });

const beside = { method: 'GET', path: '/*' } as const;
const hidden = { method: 'POST', path: '/v1/hidden' } as const;

/** A server whose table is one and whose handlers are another. */
async function start(
  table: Record<string, Route>,
  handlers: readonly (Route | typeof beside | typeof hidden)[],
): Promise<number | undefined> {
  await using app = fastify();
  let limit: number | undefined;
  checkRoutes(app, table);
  app.addHook('onRoute', ({ bodyLimit }) => void (limit ??= bodyLimit));
  for (const handled of handlers)
    app.route({
      method: handled.method,
      url: handled.path,
      config: 'access' in handled ? { route: handled } : {},
      handler: () => ({}),
    });
  await app.ready();
  return limit;
}

it('starts with a handler for every route, whatever lies beside the API, and gives each the size of its body', async () => {
  await expect(start({ known, other }, [known, other, beside])).resolves.toBe(7);
});

it('fails the start over a route that nobody handles', async () => {
  await expect(start({ known, other }, [known])).rejects.toThrow('routes without a handler: other');
});

it('fails the start over a handler of the API that has no route', async () => {
  await expect(start({ known }, [known, hidden])).rejects.toThrow('handlers without a route: POST /v1/hidden');
});

import { isApi, type Route } from '@koinon/contracts';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of every route of the API; one without it is answered 403 to everybody. */
    route?: Route;
  }
}

/**
 * Before any route is registered. Gives each the size of its body, and fails the start unless every route of the table has its handler and
 * every handler of the API its route.
 */
export function checkRoutes(fastify: FastifyInstance, table: Readonly<Record<string, Route>>): void {
  const missing = new Map(Object.entries(table).map(([name, route]) => [route, name]));
  const unknown: string[] = [];
  fastify.addHook('onRoute', (registered) => {
    const route = registered.config?.route;
    if (route) {
      registered.bodyLimit = route.maxBodyBytes;
      missing.delete(route);
    } else if (isApi(registered.url)) unknown.push(`${String(registered.method)} ${registered.url}`);
  });
  fastify.addHook('onReady', async () => {
    if (missing.size > 0) throw new Error(`routes without a handler: ${[...missing.values()].join(', ')}`);
    if (unknown.length > 0) throw new Error(`handlers without a route: ${unknown.join(', ')}`);
  });
}

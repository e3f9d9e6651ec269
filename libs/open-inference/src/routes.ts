import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import { ServingError } from './serving-error.js';

const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A route that answers other methods with 405 and Allow; GET includes HEAD. */
export function addRoute(app: FastifyInstance, route: RouteOptions & { readonly method: 'GET' | 'POST' }): void {
  const allowed: readonly HTTPMethods[] = route.method === 'GET' ? ['GET', 'HEAD'] : ['POST'];
  app.route(route);
  app.route({
    method: methods.filter((method) => !allowed.includes(method)),
    url: route.url,
    // Before the body is read: nothing in it can matter.
    onRequest: async (_request, reply) => {
      void reply.header('allow', allowed.join(', '));
      throw new ServingError('METHOD_NOT_ALLOWED', `Use ${allowed.join(' or ')} here.`);
    },
    handler: async () => undefined,
  });
}

export interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

/** The address of a model and of one version of it. */
export const modelUrls = (suffix = ''): readonly string[] => [
  `/v2/models/:model${suffix}`,
  `/v2/models/:model/versions/:version${suffix}`,
];

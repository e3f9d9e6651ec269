import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { InferenceRuntime } from '@koinon/inference';
import { addInferRoutes } from './infer.routes.js';
import { addMetadataRoutes } from './metadata.routes.js';
import type { ModelDirectory } from './model-directory.js';
import { addRoute } from './routes.js';
import { ServingError, toServingError } from './serving-error.js';
import { ServingMetrics } from './serving-metrics.js';
import { ServingStats } from './serving-stats.js';

export interface ServerOptions {
  readonly runtime: InferenceRuntime;
  readonly models: ModelDirectory;
  /** Where latencies are counted; pass one to read them. */
  readonly stats?: ServingStats;
  /** Largest request body in bytes. */
  readonly maxBodyBytes?: number;
  /** Told of a failure that is the server's own; its text may quote what was asked. */
  readonly onFailure?: (error: unknown) => void;
}

/** Seconds; the queue of a healthy node drains in far less. */
const RETRY_AFTER_SECONDS = '1';

/**
 * The node's inference API: Open Inference Protocol v2 over REST with binary tensors, and Prometheus
 * metrics under /metrics. A client bounds its wait with the header `koinon-timeout-ms` and learns from
 * `koinon-model-version` which version answered. This thread parses, admits and replies; models run in the runtime's threads.
 * The caller listens and closes.
 */
export function buildServer({
  runtime,
  models,
  stats = new ServingStats(),
  maxBodyBytes = 1 << 20,
  onFailure,
}: ServerOptions): FastifyInstance {
  const app: FastifyInstance = Fastify({
    bodyLimit: maxBodyBytes,
    // A body has to arrive within this time, so that slow senders cannot hold connections for ever.
    requestTimeout: 30_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    frameworkErrors: (error, _request, reply) => fail(error, reply),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request, reply) => {
    const told = fail(error, reply);
    if (told.code === 'INTERNAL') onFailure?.(error);
  });
  app.setNotFoundHandler((_request, reply) => {
    fail(new ServingError('ROUTE_NOT_FOUND', 'There is nothing at this address; the API begins at /v2.'), reply);
  });

  const metrics = new ServingMetrics(stats, models);
  addMetadataRoutes(app, runtime, models);
  addInferRoutes(app, { runtime, models, metrics });
  addRoute(app, {
    method: 'GET',
    url: '/metrics',
    handler: async (_request: FastifyRequest, reply: FastifyReply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
  });
  return app;
}

function fail(error: unknown, reply: FastifyReply): ServingError {
  const told = toServingError(error);
  if (told.status === 503) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  void reply.code(told.status).send({ error: told.message, code: told.code });
  return told;
}

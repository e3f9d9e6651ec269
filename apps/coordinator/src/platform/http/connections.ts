import type { Server } from 'node:http';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { SMALL_BODY_BYTES } from '@koinon/contracts';

/** A few connections for each of 64 sites and for the people who look on. */
const MAX_CONNECTIONS = 1024;
/** Time for the head of a request, counted from the first byte that could be one: also for a connection that sends none. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Time for a whole request: the largest model (1 GiB) from an operator at 30 Mbit/s. */
export const REQUEST_TIMEOUT_MS = 300_000;
/** Beyond the longest poll of a site (30 s), so that a node keeps its connection. */
const KEEP_ALIVE_MS = 72_000;
/** How often Node looks for connections that are over time. */
const CHECK_EVERY_MS = 2_000;
/** Time to send a body that nobody has to authenticate for, and to read an answer that came before the body's end. */
const LINGER_MS = 5_000;

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  readonly checkEveryMs: number;
  readonly lingerMs: number;
}

export const connectionLimits: ConnectionLimits = {
  maxConnections: MAX_CONNECTIONS,
  headersTimeoutMs: HEADERS_TIMEOUT_MS,
  checkEveryMs: CHECK_EVERY_MS,
  lingerMs: LINGER_MS,
};

export const serverOptions = (limits: ConnectionLimits) =>
  ({
    bodyLimit: SMALL_BODY_BYTES,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: limits.headersTimeoutMs, connectionsCheckingInterval: limits.checkEveryMs },
  }) satisfies FastifyHttpOptions<Server>;

/** What a stranger can hold: so many connections, and each of them for so long. */
export function limitConnections(fastify: FastifyInstance, { maxConnections, lingerMs }: ConnectionLimits): void {
  fastify.server.maxConnections = maxConnections;
  const endUnlessComplete = (request: {
    readonly raw: { readonly complete: boolean; readonly socket: { destroy(): unknown } };
  }): void => {
    if (!request.raw.complete)
      setTimeout(() => void (request.raw.complete || request.raw.socket.destroy()), lingerMs).unref();
  };
  fastify.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.route?.access === 'anyone') endUnlessComplete(request);
  });
  // An answer that did not wait for its body: what still comes is dropped for a while, so that the caller reads the answer.
  fastify.addHook('onResponse', async (request) => endUnlessComplete(request));
}

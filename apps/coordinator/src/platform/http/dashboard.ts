import { CodedError, isApi, toWire } from '@koinon/contracts';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/** Headers of every answer: no sniffing, no framing, no referrer (links may carry a token in their fragment). */
export function setHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (_request, reply) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
  });
}

/** Serves the built dashboard below `/`; unknown paths outside `/v1` get its page, as its routes live in the browser. */
export async function serveDashboard(fastify: FastifyInstance, folder: string): Promise<void> {
  await fastify.register(fastifyStatic as never, { root: folder, wildcard: false });
  fastify.get('/*', (request, reply) => {
    if (!isApi(request.url)) return (reply as never as { sendFile(name: string): unknown }).sendFile('index.html');
    return reply
      .status(404)
      .type('application/problem+json')
      .send(toWire(new CodedError('NOT_FOUND')));
  });
}

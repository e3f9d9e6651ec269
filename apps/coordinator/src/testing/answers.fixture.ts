import { errorsOf, isErrorCode, isJson, typeOf, type Route } from '@koinon/contracts';
import type { FastifyInstance } from 'fastify';

/** An answer of the API on its way out. A streamed one has no text. */
export interface SentAnswer {
  readonly route: Route;
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string | undefined;
}

/** Before any route is registered: tells of every answer to a route of the table. */
export function onAnswer(fastify: FastifyInstance, tell: (answer: SentAnswer) => void): void {
  fastify.addHook('onSend', async (request, reply, payload) => {
    const { route } = request.routeOptions.config;
    const type = String(reply.getHeader('content-type') ?? '').split(';')[0];
    if (route && request.method === route.method)
      tell({
        route,
        status: reply.statusCode,
        type: type || undefined,
        text: typeof payload === 'string' ? payload : undefined,
      });
    return payload;
  });
}

/** What of an answer its route does not say; undefined when it is what the table promises. */
export function strayIn({ route, status, type, text }: SentAnswer): string | undefined {
  const { answer } = route;
  const stray = (what: string): string => `${route.method} ${route.path} answered ${status}: ${what}`;
  if (status >= 400) {
    const { code } = JSON.parse(text ?? '{}') as { code?: unknown };
    const isKnown = type === 'application/problem+json' && isErrorCode(code) && errorsOf(route).includes(code);
    return isKnown ? undefined : stray(String(code));
  }
  if (status !== route.status) return stray(`${route.status} is its status`);
  if (answer === null) return text ? stray('a body') : undefined;
  if (type !== typeOf(answer)) return stray(String(type));
  const read = isJson(answer) ? answer.safeParse(JSON.parse(text ?? 'null')) : undefined;
  return read?.success === false ? stray(read.error.message) : undefined;
}

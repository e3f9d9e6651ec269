import type { z } from 'zod';
import { isJson, type Content, type Octets, type Route } from './route.js';

/** What a caller gives a route: only the parts that it has. Bytes are sent whole. */
export type InputOf<R extends Route> = Part<'params', z.input<R['params']>> &
  Part<'query', z.input<R['query']>> &
  BodyPart<R['body']>;
type Part<Name extends string, T> = keyof T extends never
  ? Partial<Record<Name, never>>
  : {} extends T
    ? { readonly [N in Name]?: T }
    : { readonly [N in Name]: T };
type BodyPart<B extends Content> = B extends z.ZodType
  ? { readonly body: z.input<B> }
  : B extends Octets
    ? { readonly body: Uint8Array }
    : { readonly body?: never };

/** Left out where every part may be. */
export type Input<R extends Route> = {} extends InputOf<R> ? [input?: InputOf<R>] : [input: InputOf<R>];

/** An HTTP request short of who it is from. */
export interface RouteRequest {
  readonly method: Route['method'];
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** @example requestOf(routes.run, { params: { runId } }) */
export function requestOf<R extends Route>(route: R, ...[input]: Input<R>): RouteRequest {
  const {
    params = {},
    query = {},
    body,
  } = (input ?? {}) as { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown };
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );
  const accept = route.answer === null ? {} : { accept: typeOf(route.answer) };
  return {
    method: route.method,
    path: search.size > 0 ? `${path}?${search.toString()}` : path,
    ...(route.body === null
      ? { headers: accept }
      : { headers: { ...accept, 'content-type': typeOf(route.body) }, body: bytesOf(route.body, body) }),
  };
}

/** The media type a content travels as. */
export const typeOf = (content: z.ZodType | Octets): string =>
  isJson(content) ? 'application/json' : content.contentType;

function bytesOf(content: z.ZodType | Octets, body: unknown): Uint8Array<ArrayBuffer> {
  return isJson(content) ? new TextEncoder().encode(JSON.stringify(body)) : (body as Uint8Array<ArrayBuffer>);
}

/**
 * What one route of the coordinator's API is. The table of them (`index.ts`) is all there is: the coordinator's handlers, the clients of
 * people and of sites, and the OpenAPI document are made from it.
 */
import { z } from 'zod';
import type { ErrorCode } from '../errors.js';

/** operator ⊃ viewer: people; site: an enrolled node's signed request; anyone: what has to work without either. */
export type Access = 'operator' | 'viewer' | 'site' | 'anyone';

/** A body that is no JSON. `whole` is read to its end before it is used, `stream` as it comes. */
export interface Octets<Read extends 'whole' | 'stream' = 'whole' | 'stream'> {
  readonly contentType: 'application/octet-stream' | 'text/event-stream';
  readonly read: Read;
  /** What the bytes are, for people. */
  readonly description: string;
}

/** JSON by its schema, other bytes, or nothing. */
export type Content = z.ZodType | Octets | null;

export interface Route<
  Params extends z.ZodRawShape = z.ZodRawShape,
  Query extends z.ZodRawShape = z.ZodRawShape,
  Body extends Content = Content,
  Answer extends Content = Content,
> {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With a `:name` for each of `params`. */
  readonly path: `/v1/${string}`;
  readonly access: Access;
  /** One sentence for people who read the document. */
  readonly summary: string;
  readonly params: z.ZodObject<Params>;
  readonly query: z.ZodObject<Query>;
  readonly body: Body;
  /** Most bytes of a body that is read at once; a streamed one is counted where it goes. */
  readonly maxBodyBytes: number;
  /** Of an answer that is no error. */
  readonly status: 200 | 201 | 204;
  readonly answer: Answer;
  /** What may go wrong here and not everywhere: see `errorsOf`. */
  readonly errors: readonly ErrorCode[];
}

type Names<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? Names<Segment> | Names<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never;

type Definition<Path extends `/v1/${string}`, Params, Query, Body, Answer> = Pick<
  Route,
  'method' | 'access' | 'summary'
> & {
  readonly path: Path;
  readonly query?: Query;
  readonly body?: Body;
  readonly maxBodyBytes?: number;
  readonly answer?: Answer;
  /** 200 where it is not said, and 204 where nothing is answered. */
  readonly status?: 201;
  readonly errors?: readonly ErrorCode[];
} & ([Names<Path>] extends [never] ? { readonly params?: Params } : { readonly params: Params });

/** Bodies of routes that name no size of their own: none, or `{}`. */
export const SMALL_BODY_BYTES = 1024;

export function route<
  const Path extends `/v1/${string}`,
  Params extends Record<Names<Path>, z.ZodType> = Record<Names<Path>, never>,
  Query extends z.ZodRawShape = {},
  Body extends Content = null,
  Answer extends Content = null,
>(definition: Definition<Path, Params, Query, Body, Answer>): Route<Params, Query, Body, Answer> {
  const {
    method,
    path,
    access,
    summary,
    params,
    query,
    body,
    maxBodyBytes = SMALL_BODY_BYTES,
    answer,
    errors = [],
  } = definition;
  return {
    method,
    path,
    access,
    summary,
    maxBodyBytes,
    errors,
    params: z.object(params ?? ({} as Params)),
    query: z.object(query ?? ({} as Query)),
    body: body ?? (null as Body),
    answer: answer ?? (null as Answer),
    status: definition.status ?? (answer ? 200 : 204),
  };
}

export const octets = (description: string): Octets<'whole'> => ({
  contentType: 'application/octet-stream',
  read: 'whole',
  description,
});
export const octetStream = (description: string): Octets<'stream'> => ({
  contentType: 'application/octet-stream',
  read: 'stream',
  description,
});
export const eventStream = (description: string): Octets<'stream'> => ({
  contentType: 'text/event-stream',
  read: 'stream',
  description,
});

/** Whether a path lies in the coordinator's API; what lies beside it is the dashboard. */
export const isApi = (path: string): boolean => path.startsWith('/v1/');

export const isJson = (content: Content): content is z.ZodType => content instanceof z.ZodType;

/** A whole number in a URL, written in decimal digits alone. */
export const digits = <Schema extends z.ZodType<number>>(schema: Schema) =>
  z.preprocess(
    (value: string | number) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
    schema,
  );

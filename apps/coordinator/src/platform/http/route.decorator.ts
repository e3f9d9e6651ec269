import type { Readable } from 'node:stream';
import {
  applyDecorators,
  createParamDecorator,
  HttpCode,
  RequestMapping,
  RequestMethod,
  Sse,
  type ExecutionContext,
  type StreamableFile,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { isJson, parse, type Octets, type Route as RouteOfTable } from '@koinon/contracts';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import type { z } from 'zod';
import type { Caller } from './caller.js';
import { streamed } from './streamed.js';

/** What a handler is given, checked against the route's schemas; bytes are read as they come. */
export interface RequestTo<R extends RouteOfTable> {
  readonly params: z.output<R['params']>;
  readonly query: z.output<R['query']>;
  readonly body: R['body'] extends z.ZodType ? z.output<R['body']> : R['body'] extends Octets ? Readable : undefined;
}

/** What a handler gives: JSON as its readers take it, a file, events, or nothing. */
type ReplyOf<R extends RouteOfTable> = R['answer'] extends z.ZodType
  ? z.input<R['answer']>
  : R['answer'] extends Octets
    ? StreamableFile | Observable<{ data: unknown; type?: string }>
    : void;

type Handler<R extends RouteOfTable> = (request: RequestTo<R>, caller: Caller) => ReplyOf<R> | Promise<ReplyOf<R>>;

/**
 * Joins a handler to its route of the table, which has all there is to say: method and path, who may ask, how large a body is, what
 * the request and the answer are. A mismatch answers 400 with one issue per field.
 * @example
 * @Route(routes.cancelRun)
 * cancel({ params }: RequestTo<typeof routes.cancelRun>, caller: Caller) { return this.runs.cancel(params.runId, caller.name); }
 */
export function Route<R extends RouteOfTable>(route: R) {
  const { method, path, status, answer } = route;
  const isEvents = answer !== null && !isJson(answer) && answer.contentType === 'text/event-stream';
  const mapped = isEvents ? Sse(path) : RequestMapping({ path, method: RequestMethod[method] });
  const decorate = applyDecorators(mapped, HttpCode(status), RouteConfig({ route }));
  const request = createParamDecorator((_, context: ExecutionContext) => requestTo(route, requestIn(context)));
  return <H extends Handler<R>>(target: object, key: string, descriptor: TypedPropertyDescriptor<H>): void => {
    request()(target, key, 0);
    CallerOf()(target, key, 1);
    decorate(target, key, descriptor);
  };
}

const CallerOf = createParamDecorator((_, context: ExecutionContext) => requestIn(context).caller);

const requestIn = (context: ExecutionContext): FastifyRequest => context.switchToHttp().getRequest<FastifyRequest>();

function requestTo({ params, query, body }: RouteOfTable, request: FastifyRequest): unknown {
  return {
    params: parse(params, request.params),
    query: parse(query, request.query),
    body: body === null ? undefined : isJson(body) ? parse(body, request.body) : streamed(request.body),
  };
}

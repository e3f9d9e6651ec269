import { Controller, Req, Sse } from '@nestjs/common';
import { interval, map, merge, takeUntil, fromEvent, type Observable } from 'rxjs';
import type { FastifyRequest } from 'fastify';
import { Allow } from '../http/allow.decorator.js';
import { EventsService } from './events.service.js';

/** Proxies close silent streams; a comment-like event keeps them open. */
const HEARTBEAT_MS = 15_000;

@Controller('v1/events')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Sse()
  @Allow('viewer')
  stream(@Req() request: FastifyRequest): Observable<{ data: unknown; type?: string }> {
    const heartbeat = interval(HEARTBEAT_MS).pipe(map(() => ({ type: 'heartbeat', data: {} })));
    return merge(this.events.stream.pipe(map((data) => ({ data }))), heartbeat).pipe(
      takeUntil(fromEvent(request.raw, 'close')),
    );
  }
}

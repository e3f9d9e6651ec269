import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import { interval, map, merge } from 'rxjs';
import { Route } from '../http/route.decorator.js';
import { EventsService } from './events.service.js';

/** Proxies close silent streams; a comment-like event keeps them open. */
const HEARTBEAT_MS = 15_000;

@Controller()
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Route(routes.events)
  stream() {
    const heartbeat = interval(HEARTBEAT_MS).pipe(map(() => ({ type: 'heartbeat', data: {} })));
    return merge(this.events.stream.pipe(map((data) => ({ data }))), heartbeat);
  }
}

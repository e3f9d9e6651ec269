import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import type { Caller } from '../../platform/http/caller.js';
import { Route, type RequestTo } from '../../platform/http/route.decorator.js';
import { RunViews } from './run-views.service.js';
import { RunsService } from './runs.service.js';

@Controller()
export class RunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly views: RunViews,
  ) {}

  @Route(routes.startRun)
  start({ body }: RequestTo<typeof routes.startRun>, { name }: Caller) {
    return this.runs.start(body, name);
  }

  @Route(routes.runs)
  list() {
    return this.views.list();
  }

  @Route(routes.run)
  view({ params }: RequestTo<typeof routes.run>) {
    return this.views.view(params.runId);
  }

  @Route(routes.cancelRun)
  cancel({ params }: RequestTo<typeof routes.cancelRun>, { name }: Caller) {
    return this.runs.cancel(params.runId, name);
  }
}

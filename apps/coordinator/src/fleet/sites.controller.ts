import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import { Refusals } from '../federations/rounds/refusals.service.js';
import type { Caller } from '../platform/http/caller.js';
import { Route, type RequestTo } from '../platform/http/route.decorator.js';
import { AssignmentsService } from './assignments.service.js';
import { SitesService } from './sites.service.js';

@Controller()
export class SitesController {
  constructor(
    private readonly sites: SitesService,
    private readonly assignments: AssignmentsService,
    private readonly refusals: Refusals,
  ) {}

  @Route(routes.sites)
  list() {
    return this.sites.list();
  }

  @Route(routes.assignments)
  assigned({ query }: RequestTo<typeof routes.assignments>, { name }: Caller) {
    return this.assignments.wait(name, query.waitMs, query.known);
  }

  @Route(routes.reportStatus)
  report({ body }: RequestTo<typeof routes.reportStatus>, { name }: Caller) {
    return this.sites.report(name, body);
  }

  @Route(routes.refuse)
  refuse({ body }: RequestTo<typeof routes.refuse>, { name }: Caller) {
    return this.refusals.take(name, body);
  }
}

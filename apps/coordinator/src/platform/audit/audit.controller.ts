import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import { Route, type RequestTo } from '../http/route.decorator.js';
import { AuditService } from './audit.service.js';

@Controller()
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Route(routes.auditEntries)
  entries({ query }: RequestTo<typeof routes.auditEntries>) {
    return this.audit.entries(query.after, query.limit);
  }

  @Route(routes.auditReport)
  report() {
    return this.audit.verify();
  }
}

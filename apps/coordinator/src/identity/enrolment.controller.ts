import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import type { Caller } from '../platform/http/caller.js';
import { Route, type RequestTo } from '../platform/http/route.decorator.js';
import { EnrolmentService } from './enrolment.service.js';

@Controller()
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  @Route(routes.inviteSite)
  invite({ body: { id, name } }: RequestTo<typeof routes.inviteSite>, caller: Caller) {
    return this.enrolment.invite(id, name, caller.name);
  }

  @Route(routes.enrol)
  enrol({ body: { token, statement } }: RequestTo<typeof routes.enrol>) {
    return this.enrolment.enrol(token, statement);
  }
}

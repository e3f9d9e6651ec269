import { Body, Controller, Post } from '@nestjs/common';
import { enrolRequestSchema, inviteRequestSchema } from '@koinon/contracts';
import type { z } from 'zod';
import { Allow, CallerOf, type Caller } from '../platform/http/allow.decorator.js';
import { SchemaPipe } from '../platform/http/schema.pipe.js';
import { EnrolmentService } from './enrolment.service.js';

const MAX_INVITATION_BYTES = 4 * 1024;
const MAX_ENROLMENT_BYTES = 16 * 1024;

@Controller('v1')
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  @Post('sites')
  @Allow('operator', MAX_INVITATION_BYTES)
  invite(
    @Body(new SchemaPipe(inviteRequestSchema)) { id, name }: z.infer<typeof inviteRequestSchema>,
    @CallerOf() caller: Caller,
  ) {
    return this.enrolment.invite(id, name, caller.name);
  }

  @Post('enrol')
  @Allow('anyone', MAX_ENROLMENT_BYTES)
  enrol(@Body(new SchemaPipe(enrolRequestSchema)) { token, statement }: z.infer<typeof enrolRequestSchema>) {
    return this.enrolment.enrol(token, statement);
  }
}

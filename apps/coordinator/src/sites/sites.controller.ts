import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import {
  enrolRequestSchema, inviteRequestSchema, refusalSchema, siteStatusSchema, type Refusal, type SiteStatus,
} from '@koinon/contracts';
import { z } from 'zod';
import { Allow, CallerOf, type Caller } from '../auth/allow.decorator.js';
import { SchemaPipe } from '../http/schema.pipe.js';
import { AssignmentsService } from './assignments.service.js';
import { SitesService } from './sites.service.js';

const waitSchema = z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) });

@Controller('v1')
export class SitesController {
  constructor(private readonly sites: SitesService, private readonly assignments: AssignmentsService) {}

  @Post('sites')
  @Allow('operator')
  invite(@Body(new SchemaPipe(inviteRequestSchema)) { id, name }: z.infer<typeof inviteRequestSchema>, @CallerOf() caller: Caller) {
    return this.sites.invite(id, name, caller.name);
  }

  @Get('sites')
  @Allow('viewer')
  list() {
    return this.sites.list();
  }

  @Post('enrol')
  @Allow('anyone')
  enrol(@Body(new SchemaPipe(enrolRequestSchema)) { token, statement }: z.infer<typeof enrolRequestSchema>) {
    return this.sites.enrol(token, statement);
  }

  @Get('site/assignments')
  @Allow('site')
  async assigned(@CallerOf() caller: Caller, @Query(new SchemaPipe(waitSchema)) { waitMs }: z.infer<typeof waitSchema>) {
    return { assignments: await this.assignments.wait(caller.name, waitMs) };
  }

  @Post('site/status')
  @HttpCode(204)
  @Allow('site')
  report(@CallerOf() caller: Caller, @Body(new SchemaPipe(siteStatusSchema)) status: SiteStatus) {
    return this.sites.report(caller.name, status);
  }

  @Post('site/refusals')
  @HttpCode(204)
  @Allow('site')
  refuse(@CallerOf() caller: Caller, @Body(new SchemaPipe(refusalSchema)) refusal: Refusal) {
    return this.sites.refuse(caller.name, refusal);
  }
}

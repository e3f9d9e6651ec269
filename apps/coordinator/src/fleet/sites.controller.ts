import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { refusalSchema, siteStatusSchema, type Refusal, type SiteStatus } from '@koinon/contracts';
import { z } from 'zod';
import { Refusals } from '../federations/rounds/refusals.service.js';
import { Allow, CallerOf, type Caller } from '../platform/http/allow.decorator.js';
import { SchemaPipe } from '../platform/http/schema.pipe.js';
import { AssignmentsService } from './assignments.service.js';
import { SitesService } from './sites.service.js';

/** 64 models served and 64 held back, the most a status may name. */
const MAX_STATUS_BYTES = 32 * 1024;
const MAX_REFUSAL_BYTES = 4 * 1024;

const waitSchema = z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) });

@Controller('v1')
export class SitesController {
  constructor(
    private readonly sites: SitesService,
    private readonly assignments: AssignmentsService,
    private readonly refusals: Refusals,
  ) {}

  @Get('sites')
  @Allow('viewer')
  list() {
    return this.sites.list();
  }

  @Get('site/assignments')
  @Allow('site')
  assigned(@CallerOf() caller: Caller, @Query(new SchemaPipe(waitSchema)) { waitMs }: z.infer<typeof waitSchema>) {
    return this.assignments.wait(caller.name, waitMs);
  }

  @Post('site/status')
  @HttpCode(204)
  @Allow('site', MAX_STATUS_BYTES)
  report(@CallerOf() caller: Caller, @Body(new SchemaPipe(siteStatusSchema)) status: SiteStatus) {
    return this.sites.report(caller.name, status);
  }

  @Post('site/refusals')
  @HttpCode(204)
  @Allow('site', MAX_REFUSAL_BYTES)
  refuse(@CallerOf() caller: Caller, @Body(new SchemaPipe(refusalSchema)) refusal: Refusal) {
    return this.refusals.take(caller.name, refusal);
  }
}

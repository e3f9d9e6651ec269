import { Body, Controller, Get, HttpCode, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { startRunSchema, type StartRun } from '@koinon/contracts';
import { Allow, CallerOf, type Caller } from '../../platform/http/allow.decorator.js';
import { SchemaPipe } from '../../platform/http/schema.pipe.js';
import { RunViews } from './run-views.service.js';
import { RunsService } from './runs.service.js';

/** A federation file, as JSON. */
const MAX_RUN_BYTES = 256 * 1024;

@Controller('v1/runs')
export class RunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly views: RunViews,
  ) {}

  @Post()
  @Allow('operator', MAX_RUN_BYTES)
  start(@Body(new SchemaPipe(startRunSchema)) request: StartRun, @CallerOf() caller: Caller) {
    return this.runs.start(request, caller.name);
  }

  @Get()
  @Allow('viewer')
  list() {
    return this.views.list();
  }

  @Get(':id')
  @Allow('viewer')
  view(@Param('id', ParseUUIDPipe) id: string) {
    return this.views.view(id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Allow('operator')
  cancel(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller) {
    return this.runs.cancel(id, caller.name);
  }
}

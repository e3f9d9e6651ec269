import { Body, Controller, Get, HttpCode, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ceremonyPostSchema, type CeremonyPost } from '@koinon/contracts';
import { Allow, CallerOf, type Caller } from '../auth/allow.decorator.js';
import { SchemaPipe } from '../http/schema.pipe.js';
import { EpochsService } from './epochs.service.js';

/** All messages of one site in one step of a ceremony of 64 sites, in base64. */
const MAX_STEP_BYTES = 32 * 2 ** 20;

@Controller('v1/site/epochs/:id')
export class EpochsController {
  constructor(private readonly epochs: EpochsService) {}

  @Post('messages')
  @HttpCode(204)
  @Allow('site', MAX_STEP_BYTES)
  post(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller, @Body(new SchemaPipe(ceremonyPostSchema)) post: CeremonyPost) {
    return this.epochs.post(id, caller.name, post);
  }

  @Get('inbox')
  @Allow('site')
  inbox(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller) {
    return this.epochs.inbox(id, caller.name);
  }
}

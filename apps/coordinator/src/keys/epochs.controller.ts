import { Body, Controller, Get, HttpCode, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ceremonyPostSchema, type CeremonyPost } from '@koinon/contracts';
import { Allow, CallerOf, type Caller } from '../auth/allow.decorator.js';
import { SchemaPipe } from '../http/schema.pipe.js';
import { EpochsService } from './epochs.service.js';

@Controller('v1/site/epochs/:id')
@Allow('site')
export class EpochsController {
  constructor(private readonly epochs: EpochsService) {}

  @Post('messages')
  @HttpCode(204)
  post(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller, @Body(new SchemaPipe(ceremonyPostSchema)) post: CeremonyPost) {
    return this.epochs.post(id, caller.name, post);
  }

  @Get('inbox')
  inbox(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller) {
    return this.epochs.inbox(id, caller.name);
  }
}

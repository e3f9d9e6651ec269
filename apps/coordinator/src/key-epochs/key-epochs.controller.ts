import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Param, ParseUUIDPipe, Post, Query, StreamableFile } from '@nestjs/common';
import { Allow, CallerOf, type Caller } from '../platform/http/allow.decorator.js';
import { streamed } from '../platform/http/streamed.js';
import { CeremonyRelay } from './ceremony-relay.service.js';

@Controller('v1/site/key-epochs/:id')
export class KeyEpochsController {
  constructor(private readonly relay: CeremonyRelay) {}

  @Post('messages')
  @HttpCode(204)
  @Allow('site')
  post(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller, @Body() body: Readable) {
    return this.relay.post(id, caller.name, streamed(body), caller.bodySha256!);
  }

  /** What one step brought the asking site, once all have posted. */
  @Get('inbox')
  @Allow('site')
  async inbox(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller, @Query('step') step: string) {
    return new StreamableFile(Readable.from(await this.relay.inbox(id, caller.name, step)));
  }
}

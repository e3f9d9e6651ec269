import type { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  ParseIntPipe,
  ParseUUIDPipe,
  Post,
  Put,
  StreamableFile,
} from '@nestjs/common';
import { envelopeSchema, type Envelope } from '@koinon/contracts';
import { Allow, CallerOf, type Caller } from '../platform/http/allow.decorator.js';
import { SchemaPipe } from '../platform/http/schema.pipe.js';
import { streamed } from '../platform/http/streamed.js';
import { UploadsService } from './uploads.service.js';

/** A signed statement of one site; its size does not grow with the model. */
const MAX_STATEMENT_BYTES = 16 * 1024;

@Controller('v1/site/sums/:id')
export class SumsController {
  constructor(private readonly uploads: UploadsService) {}

  @Get('blocks')
  @Allow('site')
  blocks(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller) {
    return this.uploads.blocks(id, caller.name);
  }

  @Put('blocks/:index')
  @HttpCode(204)
  @Allow('site')
  putBlock(
    @Param('id', ParseUUIDPipe) id: string,
    @Param('index', ParseIntPipe) index: number,
    @CallerOf() caller: Caller,
    @Body() body: Readable,
  ) {
    return this.uploads.putBlock(id, caller.name, index, streamed(body), caller.bodySha256!);
  }

  @Post('finish')
  @HttpCode(204)
  @Allow('site', MAX_STATEMENT_BYTES)
  finishUpload(
    @Param('id', ParseUUIDPipe) id: string,
    @CallerOf() caller: Caller,
    @Body(new SchemaPipe(envelopeSchema)) envelope: Envelope,
  ) {
    return this.uploads.finishUpload(id, caller.name, envelope);
  }

  @Get('sum/:index')
  @Allow('site')
  async sumBlock(
    @Param('id', ParseUUIDPipe) id: string,
    @Param('index', ParseIntPipe) index: number,
    @CallerOf() caller: Caller,
  ) {
    return new StreamableFile(await this.uploads.sumBlock(id, caller.name, index));
  }

  @Get('openings/:index')
  @Allow('site')
  opening(
    @Param('id', ParseUUIDPipe) id: string,
    @Param('index', ParseIntPipe) index: number,
    @CallerOf() caller: Caller,
  ) {
    return this.uploads.opening(id, caller.name, index);
  }

  @Put('decryption-share')
  @HttpCode(204)
  @Allow('site')
  putDecryptionShare(@Param('id', ParseUUIDPipe) id: string, @CallerOf() caller: Caller, @Body() body: Readable) {
    return this.uploads.putDecryptionShare(id, caller.name, streamed(body), caller.bodySha256!);
  }

  @Post('decryption-share')
  @HttpCode(204)
  @Allow('site', MAX_STATEMENT_BYTES)
  finishDecryptionShare(
    @Param('id', ParseUUIDPipe) id: string,
    @CallerOf() caller: Caller,
    @Body(new SchemaPipe(envelopeSchema)) envelope: Envelope,
  ) {
    return this.uploads.finishDecryptionShare(id, caller.name, envelope);
  }
}

import type { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Inject, Param, ParseIntPipe, Put, StreamableFile } from '@nestjs/common';
import { CodedError, sha256Schema } from '@koinon/contracts';
import { Allow } from '../platform/http/allow.decorator.js';
import { BLOBS, contentKey, contentRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { SchemaPipe } from '../platform/http/schema.pipe.js';
import { RegistryService } from './registry.service.js';

/** Largest model file or records schema an operator may bring. */
const MAX_BLOB_BYTES = 2 ** 30;

@Controller('v1')
export class RegistryController {
  constructor(
    private readonly registry: RegistryService,
    @Inject(BLOBS) private readonly blobs: BlobStore,
  ) {}

  @Get('models')
  @Allow('viewer')
  models() {
    return this.registry.models();
  }

  @Get('models/:name')
  @Allow('viewer')
  model(@Param('name') name: string) {
    return this.registry.model(name);
  }

  @Get('models/:name/versions/:version')
  @Allow('viewer')
  version(@Param('name') name: string, @Param('version', ParseIntPipe) version: number) {
    return this.registry.version(name, version);
  }

  @Get('models/:name/versions/:version/file')
  @Allow('viewer')
  async file(@Param('name') name: string, @Param('version', ParseIntPipe) version: number) {
    const { sha256 } = await this.registry.version(name, version);
    return new StreamableFile(await this.blobs.stream(contentRef(sha256)));
  }

  @Put('blobs/:sha256')
  @HttpCode(204)
  @Allow('operator')
  async put(@Param('sha256', new SchemaPipe(sha256Schema)) sha256: string, @Body() body: Readable) {
    if (typeof body?.pipe !== 'function') throw new CodedError('REQUEST_INVALID', 'send application/octet-stream');
    await this.blobs.receive(contentKey(sha256), body, { sha256, maxBytes: MAX_BLOB_BYTES });
  }

  /** Model files and records schemas for sites. */
  @Get('site/blobs/:sha256')
  @Allow('site')
  async blob(@Param('sha256', new SchemaPipe(sha256Schema)) sha256: string) {
    return new StreamableFile(await this.blobs.stream(contentRef(sha256)));
  }
}

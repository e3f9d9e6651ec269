import { Controller, StreamableFile } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import type { Caller } from '../platform/http/caller.js';
import { Route, type RequestTo } from '../platform/http/route.decorator.js';
import { DecryptionSharesService } from './decryption-shares.service.js';
import { OpeningsService } from './openings.service.js';
import { UploadsService } from './uploads.service.js';

@Controller()
export class SumsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly shares: DecryptionSharesService,
    private readonly openings: OpeningsService,
  ) {}

  @Route(routes.uploadedBlocks)
  blocks({ params }: RequestTo<typeof routes.uploadedBlocks>, { name }: Caller) {
    return this.uploads.blocks(params.sumId, name);
  }

  @Route(routes.putBlock)
  putBlock({ params: { sumId, index }, body }: RequestTo<typeof routes.putBlock>, { name, bodySha256 }: Caller) {
    return this.uploads.putBlock(sumId, name, index, body, bodySha256!);
  }

  @Route(routes.finishUpload)
  finishUpload({ params, body }: RequestTo<typeof routes.finishUpload>, { name }: Caller) {
    return this.uploads.finish(params.sumId, name, body);
  }

  @Route(routes.sumBlock)
  async sumBlock({ params: { sumId, index } }: RequestTo<typeof routes.sumBlock>, { name }: Caller) {
    return new StreamableFile(await this.openings.sumBlock(sumId, name, index));
  }

  @Route(routes.opening)
  opening({ params: { sumId, index } }: RequestTo<typeof routes.opening>, { name }: Caller) {
    return this.openings.opening(sumId, name, index);
  }

  @Route(routes.putDecryptionShare)
  putDecryptionShare({ params, body }: RequestTo<typeof routes.putDecryptionShare>, { name, bodySha256 }: Caller) {
    return this.shares.put(params.sumId, name, body, bodySha256!);
  }

  @Route(routes.finishDecryptionShare)
  finishDecryptionShare({ params, body }: RequestTo<typeof routes.finishDecryptionShare>, { name }: Caller) {
    return this.shares.finish(params.sumId, name, body);
  }
}

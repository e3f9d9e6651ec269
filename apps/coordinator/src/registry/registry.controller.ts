import { Controller, Inject, StreamableFile } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import { BLOBS, contentKey, contentRef, type BlobStore } from '../platform/blobs/blob-store.js';
import { Route, type RequestTo } from '../platform/http/route.decorator.js';
import { RegistryService } from './registry.service.js';

@Controller()
export class RegistryController {
  constructor(
    private readonly registry: RegistryService,
    @Inject(BLOBS) private readonly blobs: BlobStore,
  ) {}

  @Route(routes.models)
  models() {
    return this.registry.models();
  }

  @Route(routes.model)
  model({ params }: RequestTo<typeof routes.model>) {
    return this.registry.model(params.model);
  }

  @Route(routes.version)
  version({ params }: RequestTo<typeof routes.version>) {
    return this.registry.version(params.model, params.version);
  }

  @Route(routes.modelFile)
  async modelFile({ params }: RequestTo<typeof routes.modelFile>) {
    const { sha256 } = await this.registry.version(params.model, params.version);
    return this.file(sha256);
  }

  @Route(routes.putBlob)
  async putBlob({ params: { sha256 }, body }: RequestTo<typeof routes.putBlob>) {
    await this.blobs.receive(contentKey(sha256), body, { sha256, maxBytes: routes.putBlob.body.maxBytes });
  }

  @Route(routes.siteBlob)
  siteBlob({ params }: RequestTo<typeof routes.siteBlob>) {
    return this.file(params.sha256);
  }

  private async file(sha256: string): Promise<StreamableFile> {
    return new StreamableFile(await this.blobs.stream(contentRef(sha256)));
  }
}

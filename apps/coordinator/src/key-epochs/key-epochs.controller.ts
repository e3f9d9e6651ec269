import { Readable } from 'node:stream';
import { Controller, StreamableFile } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import type { Caller } from '../platform/http/caller.js';
import { Route, type RequestTo } from '../platform/http/route.decorator.js';
import { CeremonyInbox } from './ceremony-inbox.service.js';
import { CeremonyPosts } from './ceremony-posts.service.js';

@Controller()
export class KeyEpochsController {
  constructor(
    private readonly posts: CeremonyPosts,
    private readonly inboxes: CeremonyInbox,
  ) {}

  @Route(routes.postCeremony)
  post({ params, body }: RequestTo<typeof routes.postCeremony>, { name, bodySha256 }: Caller) {
    return this.posts.post(params.keyEpochId, name, body, bodySha256!);
  }

  @Route(routes.ceremonyInbox)
  async inbox({ params, query }: RequestTo<typeof routes.ceremonyInbox>, { name }: Caller) {
    return new StreamableFile(Readable.from(await this.inboxes.read(params.keyEpochId, name, query.step)));
  }
}

import { Controller } from '@nestjs/common';
import { openApiDocument, routes } from '@koinon/contracts';
import { buildIdentity } from '../build-identity.js';
import { Route } from './route.decorator.js';

@Controller()
export class OpenApiController {
  private readonly document = openApiDocument(routes, buildIdentity().version);

  @Route(routes.openApi)
  openApi() {
    return this.document;
  }
}

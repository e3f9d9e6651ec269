import { Inject, Injectable } from '@nestjs/common';
import { CodedError, isApi, type Access } from '@koinon/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller } from '../platform/http/caller.js';
import { SiteRequestVerifier } from './site-request.verifier.js';
import { TokensService } from './tokens.service.js';

/**
 * Settles who a request is from by its headers, before a byte of its body is read, and denies by default:
 * a handler of the API without a route of the table answers 403 to everybody.
 */
@Injectable()
export class Authenticator {
  constructor(
    @Inject(TokensService) private readonly tokens: TokensService,
    @Inject(SiteRequestVerifier) private readonly siteRequests: SiteRequestVerifier,
  ) {}

  /** Before any route is registered: Fastify gives a route the hooks that are there when it comes. */
  install(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', async (request) => {
      if (request.is404) throw new CodedError('NOT_FOUND');
      request.caller = await this.authenticate(request);
    });
    fastify.addHook('preHandler', async (request) => {
      if (request.caller?.bodySha256 !== undefined) this.siteRequests.checkBody(request, request.caller.bodySha256);
    });
  }

  private async authenticate(request: FastifyRequest): Promise<Caller> {
    const { url = '', config } = request.routeOptions;
    const access: Access | undefined = isApi(url) ? config.route?.access : 'anyone';
    switch (access) {
      case undefined:
        throw new CodedError('FORBIDDEN');
      case 'anyone':
        return { kind: 'anyone', name: 'anyone' };
      case 'site':
        return this.siteRequests.verify(request);
      case 'operator':
      case 'viewer': {
        const { name, scope } = await this.tokens.identify(request.headers.authorization);
        if (access === 'operator' && scope !== 'operator') throw new CodedError('FORBIDDEN');
        return { kind: scope, name };
      }
    }
  }
}

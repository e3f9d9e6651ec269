import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { CodedError } from '@koinon/contracts';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access, type Caller } from './allow.decorator.js';
import { SiteRequestVerifier } from './site-request.verifier.js';
import { TokensService } from './tokens.service.js';

/** Denies by default: a handler says with @Allow who may call it. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(TokensService) private readonly tokens: TokensService,
    @Inject(SiteRequestVerifier) private readonly siteRequests: SiteRequestVerifier,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [context.getHandler(), context.getClass()]);
    const request = context.switchToHttp().getRequest<FastifyRequest & { caller?: Caller }>();
    request.caller = await this.authenticate(access, request);
    return true;
  }

  private async authenticate(access: Access | undefined, request: FastifyRequest): Promise<Caller> {
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

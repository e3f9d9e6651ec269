import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';

/** operator ⊃ viewer: people; site: an enrolled node's signed request; anyone: health and enrolment only. */
export type Access = 'operator' | 'viewer' | 'site' | 'anyone';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    maxBodyBytes?: number;
  }
  interface FastifyRequest {
    caller?: Caller;
  }
}

/** Bodies of routes that name no size of their own: none, or `{}`. */
export const SMALL_BODY_BYTES = 1024;

/**
 * Who may call a handler, and how large a body it reads at once (streamed bodies count their own bytes).
 * A handler without it answers 403 to everybody.
 */
export const Allow = (access: Access, maxBodyBytes = SMALL_BODY_BYTES) => RouteConfig({ access, maxBodyBytes });

export interface Caller {
  readonly kind: 'operator' | 'viewer' | 'site' | 'anyone';
  /** Token name or site id. */
  readonly name: string;
  /** SHA-256 the site signed for the body it is about to send. */
  readonly bodySha256?: string;
}

/** The authenticated caller of this request. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  return context.switchToHttp().getRequest<{ caller: Caller }>().caller;
});

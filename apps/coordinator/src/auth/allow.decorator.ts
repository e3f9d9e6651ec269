import { SetMetadata, createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** operator ⊃ viewer: people; site: an enrolled node's signed request; anyone: health and enrolment only. */
export type Access = 'operator' | 'viewer' | 'site' | 'anyone';

export const ACCESS = 'koinon:access';
/** Who may call a handler. A handler without it answers 403 to everybody. */
export const Allow = (access: Access) => SetMetadata(ACCESS, access);

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

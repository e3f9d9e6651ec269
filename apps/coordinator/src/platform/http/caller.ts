declare module 'fastify' {
  interface FastifyRequest {
    caller?: Caller;
  }
}

/** Who a request is from, settled before its body is read. */
export interface Caller {
  readonly kind: 'operator' | 'viewer' | 'site' | 'anyone';
  /** Token name or site id. */
  readonly name: string;
  /** SHA-256 the site signed for the body it is about to send. */
  readonly bodySha256?: string;
}

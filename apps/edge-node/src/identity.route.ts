import { proveIdentity, type Signer } from '@koinon/signing';
import { sha256Schema } from '@koinon/contracts';
import type { FastifyInstance } from 'fastify';
import { ServingError, addRoute } from '@koinon/open-inference';

/** Who is about to send a patient asks first whether this is the hospital's node: GET /v2/identity?challenge=<32 random bytes in hex>. */
export function addIdentityRoute(app: FastifyInstance, site: string, signer: Signer): void {
  addRoute(app, {
    method: 'GET',
    url: '/v2/identity',
    handler: async (request) => {
      const { success, data } = sha256Schema.safeParse((request.query as Record<string, unknown>)['challenge']);
      if (!success)
        throw new ServingError('REQUEST_INVALID', 'Send ?challenge= with 32 random bytes as 64 hexadecimal digits.');
      return proveIdentity(signer, site, data);
    },
  });
}

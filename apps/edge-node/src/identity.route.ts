import { proveIdentity, type Signer } from '@koinon/signing';
import { IDENTITY_PATH, sha256Schema } from '@koinon/contracts';
import type { FastifyInstance } from 'fastify';
import { ServingError, addRoute } from '@koinon/open-inference';

/** Who is about to send a patient asks first whether this is the hospital's node. */
export function addIdentityRoute(app: FastifyInstance, site: string, signer: Signer): void {
  addRoute(app, {
    method: 'GET',
    url: IDENTITY_PATH,
    handler: async (request) => {
      const { success, data } = sha256Schema.safeParse((request.query as Record<string, unknown>)['challenge']);
      if (!success)
        throw new ServingError('REQUEST_INVALID', 'Send ?challenge= with 32 random bytes as 64 hexadecimal digits.');
      return proveIdentity(signer, site, data);
    },
  });
}

import { z } from 'zod';
import { uuidSchema } from '../ids.js';
import { readFailures, writeFailures } from './errors-of.js';
import { octetStream, octets, route } from './route.js';

export const keyEpochRoutes = {
  postCeremony: route({
    method: 'POST',
    path: '/v1/site/key-epochs/:keyEpochId/messages',
    access: 'site',
    summary:
      'All messages of this site for the present step of a key ceremony. The same again is taken, another one is not.',
    params: { keyEpochId: uuidSchema },
    body: octets('Frames, each behind its length: a head with the signed statement, then the bodies in its order.'),
    errors: ['NOT_FOUND', 'STEP_OUT_OF_ORDER', 'MESSAGE_CONFLICT', ...writeFailures],
  }),
  ceremonyInbox: route({
    method: 'GET',
    path: '/v1/site/key-epochs/:keyEpochId/inbox',
    access: 'site',
    summary: 'What a step of the key ceremony brought this site, once all have posted.',
    params: { keyEpochId: uuidSchema },
    query: { step: z.string().max(32) },
    answer: octetStream('Frames: of each site a head with its signed statement, then the bodies for the reader.'),
    errors: ['NOT_FOUND', 'STEP_OUT_OF_ORDER', ...readFailures],
  }),
};

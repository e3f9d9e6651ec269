import { z } from 'zod';
import { envelopeSchema } from '../envelope.js';
import { sha256Schema, uuidSchema } from '../ids.js';
import { openingSchema } from '../site-api.js';
import { readFailures, writeFailures } from './errors-of.js';
import { digits, octets, route } from './route.js';

/** A signed statement of one site; its size does not grow with the model. */
const MAX_STATEMENT_BYTES = 16 * 1024;

const sum = { sumId: uuidSchema };
const blockOfSum = {
  ...sum,
  index: digits(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1),
  ),
};

export const sumRoutes = {
  uploadedBlocks: route({
    method: 'GET',
    path: '/v1/site/sums/:sumId/blocks',
    access: 'site',
    summary: 'Digests of the blocks of this site’s upload that are here, so that an interrupted one goes on.',
    params: sum,
    answer: z.array(z.object({ index: z.int(), sha256: sha256Schema })),
    errors: ['NOT_FOUND'],
  }),
  putBlock: route({
    method: 'PUT',
    path: '/v1/site/sums/:sumId/blocks/:index',
    access: 'site',
    summary: 'Stores one encrypted block of this site’s upload. Blocks may be sent again until the upload is finished.',
    params: blockOfSum,
    body: octets('A block of the length that the scheme fixes.'),
    errors: ['NOT_FOUND', 'ROUND_DEADLINE_PASSED', 'MESSAGE_CONFLICT', 'BLOCK_SIZE_INVALID', ...writeFailures],
  }),
  finishUpload: route({
    method: 'POST',
    path: '/v1/site/sums/:sumId/finish',
    access: 'site',
    summary: 'Ends this site’s upload with its signed statement; after it no block changes.',
    params: sum,
    body: envelopeSchema,
    maxBodyBytes: MAX_STATEMENT_BYTES,
    errors: ['NOT_FOUND', 'ROUND_DEADLINE_PASSED', 'MESSAGE_CONFLICT', 'UPLOAD_INCOMPLETE', 'UPLOAD_ROOT_MISMATCH'],
  }),
  sumBlock: route({
    method: 'GET',
    path: '/v1/site/sums/:sumId/sum/:index',
    access: 'site',
    summary: 'A block of the encrypted sum, for a site whose decryption share it waits for.',
    params: blockOfSum,
    answer: octets('A block of the length that the scheme fixes.'),
    errors: ['NOT_FOUND', 'FORBIDDEN', 'STEP_OUT_OF_ORDER', ...readFailures],
  }),
  opening: route({
    method: 'GET',
    path: '/v1/site/sums/:sumId/openings/:index',
    access: 'site',
    summary:
      'A block of the sum and of every upload in it, each with its Merkle proof, for a site that checks before it decrypts.',
    params: blockOfSum,
    answer: openingSchema,
    errors: ['NOT_FOUND', 'FORBIDDEN', 'STEP_OUT_OF_ORDER', ...readFailures],
  }),
  putDecryptionShare: route({
    method: 'PUT',
    path: '/v1/site/sums/:sumId/decryption-share',
    access: 'site',
    summary: 'Stores the bytes of this site’s decryption share.',
    params: sum,
    body: octets('A decryption share of the length that the scheme fixes.'),
    errors: [
      'NOT_FOUND',
      'FORBIDDEN',
      'STEP_OUT_OF_ORDER',
      'ROUND_DEADLINE_PASSED',
      'MESSAGE_CONFLICT',
      'BLOCK_SIZE_INVALID',
      ...writeFailures,
    ],
  }),
  finishDecryptionShare: route({
    method: 'POST',
    path: '/v1/site/sums/:sumId/decryption-share',
    access: 'site',
    summary: 'Gives this site’s one decryption share with its signed statement about the bytes.',
    params: sum,
    body: envelopeSchema,
    maxBodyBytes: MAX_STATEMENT_BYTES,
    errors: [
      'NOT_FOUND',
      'FORBIDDEN',
      'STEP_OUT_OF_ORDER',
      'ROUND_DEADLINE_PASSED',
      'MESSAGE_CONFLICT',
      'BLOCK_DIGEST_MISMATCH',
      ...readFailures,
    ],
  }),
};

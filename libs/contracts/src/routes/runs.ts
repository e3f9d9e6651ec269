import { z } from 'zod';
import { uuidSchema } from '../ids.js';
import { runViewSchema, startRunSchema } from '../views.js';
import { readFailures } from './errors-of.js';
import { route } from './route.js';

export const runRoutes = {
  runs: route({
    method: 'GET',
    path: '/v1/runs',
    access: 'viewer',
    summary: 'The last 50 runs, newest first.',
    answer: z.array(runViewSchema),
  }),
  run: route({
    method: 'GET',
    path: '/v1/runs/:runId',
    access: 'viewer',
    summary: 'One run with its rounds.',
    params: { runId: uuidSchema },
    answer: runViewSchema,
    errors: ['NOT_FOUND'],
  }),
  startRun: route({
    method: 'POST',
    path: '/v1/runs',
    access: 'operator',
    summary: 'Starts a run of a federation, from a model file and a records schema that were put before.',
    // A federation file, as JSON.
    body: startRunSchema,
    maxBodyBytes: 256 * 1024,
    status: 201,
    answer: runViewSchema,
    errors: [
      'NOT_FOUND',
      'RUN_NOT_ENOUGH_SITES',
      'RUN_ACTIVE',
      'STRATEGY_NOT_OFFERED',
      'RUN_CHECK_TIMED_OUT',
      'RUN_CHECK_MEMORY_EXCEEDED',
      'MODEL_INVALID',
      ...readFailures,
    ],
  }),
  cancelRun: route({
    method: 'POST',
    path: '/v1/runs/:runId/cancel',
    access: 'operator',
    summary: 'Ends a run that is under way.',
    params: { runId: uuidSchema },
    answer: runViewSchema,
    errors: ['NOT_FOUND', 'RUN_FINISHED'],
  }),
};

import { z } from 'zod';
import { failedJobSchema } from '../views.js';
import { route } from './route.js';

export const jobRoutes = {
  failedJobs: route({
    method: 'GET',
    path: '/v1/jobs/failed',
    access: 'operator',
    summary: 'The last 100 attempts of the coordinator’s jobs that failed, newest first.',
    answer: z.array(failedJobSchema),
  }),
};

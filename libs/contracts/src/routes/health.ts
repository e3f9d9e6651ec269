import { z } from 'zod';
import { route } from './route.js';

export const healthRoutes = {
  live: route({
    method: 'GET',
    path: '/v1/health/live',
    access: 'anyone',
    summary: 'Whether the process answers.',
    answer: z.object({ live: z.literal(true) }),
  }),
  ready: route({
    method: 'GET',
    path: '/v1/health/ready',
    access: 'anyone',
    summary: 'Whether what the process stands on answers: its database and its queues.',
    answer: z.object({ ready: z.literal(true) }),
    errors: ['REDIS_UNREACHABLE', 'REDIS_EVICTS'],
  }),
};

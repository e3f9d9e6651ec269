import { z } from 'zod';
import { route } from './route.js';

const anything = z.record(z.string(), z.unknown());

export const documentRoutes = {
  openApi: route({
    method: 'GET',
    path: '/v1/openapi.json',
    access: 'anyone',
    summary: 'This document.',
    answer: z.object({
      openapi: z.string(),
      info: anything,
      paths: anything,
      components: z.object({ schemas: anything, securitySchemes: anything }),
    }),
  }),
};

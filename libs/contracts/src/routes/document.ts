import { z } from 'zod';
import { route } from './route.js';

export const documentRoutes = {
  openApi: route({
    method: 'GET',
    path: '/v1/openapi.json',
    access: 'anyone',
    summary: 'This document.',
    answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
  }),
};

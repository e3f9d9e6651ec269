import { z } from 'zod';
import { auditEntrySchema, auditReportSchema } from '../views.js';
import { digits, route } from './route.js';

export const auditRoutes = {
  auditEntries: route({
    method: 'GET',
    path: '/v1/audit',
    access: 'viewer',
    summary: 'A page of the audit log: the entries after the one with the number `after`.',
    query: { after: digits(z.int().min(0)).prefault(0), limit: digits(z.int().min(1).max(500)).prefault(100) },
    answer: z.array(auditEntrySchema),
  }),
  auditReport: route({
    method: 'GET',
    path: '/v1/audit/verify',
    access: 'viewer',
    summary: 'Walks the whole hash chain and names the first entry that does not follow from the one before.',
    answer: auditReportSchema,
  }),
};

import { z } from 'zod';
import { assignmentsSchema } from '../assignments.js';
import { sha256Schema } from '../ids.js';
import { enrolRequestSchema, enrolResponseSchema, refusalSchema, siteStatusSchema } from '../site-api.js';
import { invitationSchema, inviteRequestSchema, siteViewSchema } from '../views.js';
import { digits, route } from './route.js';

/** The longest the coordinator holds a request of a site that has nothing to do. */
const MAX_WAIT_MS = 30_000;

export const siteRoutes = {
  sites: route({
    method: 'GET',
    path: '/v1/sites',
    access: 'viewer',
    summary: 'All sites that were invited, with what each last said about itself.',
    answer: z.array(siteViewSchema),
  }),
  inviteSite: route({
    method: 'POST',
    path: '/v1/sites',
    access: 'operator',
    summary: 'Makes a one-time token for a site to enrol with. Inviting again replaces a token that was not used.',
    body: inviteRequestSchema,
    maxBodyBytes: 4 * 1024,
    status: 201,
    answer: invitationSchema,
    errors: ['SITE_EXISTS'],
  }),
  enrol: route({
    method: 'POST',
    path: '/v1/enrol',
    access: 'anyone',
    summary: 'Registers the keys that a node made for itself, once, against the token of its invitation.',
    body: enrolRequestSchema,
    maxBodyBytes: 16 * 1024,
    status: 201,
    answer: enrolResponseSchema,
    errors: ['ENROLMENT_TOKEN_INVALID', 'SIGNATURE_INVALID', 'PROTOCOL_DIFFERS'],
  }),
  assignments: route({
    method: 'GET',
    path: '/v1/site/assignments',
    access: 'site',
    summary:
      'What this site has to do now. While that is the list whose digest is `known`, the answer waits up to `waitMs`.',
    query: { waitMs: digits(z.int().min(0).max(MAX_WAIT_MS)).prefault(0), known: sha256Schema.optional() },
    answer: assignmentsSchema,
  }),
  reportStatus: route({
    method: 'POST',
    path: '/v1/site/status',
    access: 'site',
    summary: 'What this node serves and how it is.',
    // 64 models served and 64 held back, the most a status may name.
    body: siteStatusSchema,
    maxBodyBytes: 32 * 1024,
  }),
  refuse: route({
    method: 'POST',
    path: '/v1/site/refusals',
    access: 'site',
    summary: 'Says why this site cannot do an assignment. The round goes on without it where the quorum allows.',
    body: refusalSchema,
    maxBodyBytes: 4 * 1024,
    errors: ['NOT_FOUND'],
  }),
};

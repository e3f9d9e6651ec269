/** Schemas that the document names, so that a generated client does too. */
import { assignmentsSchema, assignmentSchema } from '../assignments.js';
import { envelopeSchema } from '../envelope.js';
import { federationSchema } from '../federation.js';
import { metricsSchema } from '../metrics.js';
import { problemSchema } from '../problem.js';
import {
  enrolRequestSchema,
  enrolResponseSchema,
  errorCodeSchema,
  openingSchema,
  refusalSchema,
  siteStatusSchema,
} from '../site-api.js';
import { storedFederationSchema } from '../stored-federation.js';
import {
  auditEntrySchema,
  auditReportSchema,
  eventSchema,
  failedJobSchema,
  failureSchema,
  invitationSchema,
  inviteRequestSchema,
  lineageSchema,
  modelViewSchema,
  roundViewSchema,
  runViewSchema,
  siteViewSchema,
  startRunSchema,
  versionDetailSchema,
  versionViewSchema,
} from '../views.js';

export const namedSchemas = {
  Assignment: assignmentSchema,
  Assignments: assignmentsSchema,
  AuditEntry: auditEntrySchema,
  AuditReport: auditReportSchema,
  EnrolRequest: enrolRequestSchema,
  EnrolResponse: enrolResponseSchema,
  Envelope: envelopeSchema,
  ErrorCode: errorCodeSchema,
  Event: eventSchema,
  FailedJob: failedJobSchema,
  Failure: failureSchema,
  Federation: federationSchema,
  Invitation: invitationSchema,
  InviteRequest: inviteRequestSchema,
  Lineage: lineageSchema,
  Metrics: metricsSchema,
  Model: modelViewSchema,
  Opening: openingSchema,
  Problem: problemSchema,
  Refusal: refusalSchema,
  Round: roundViewSchema,
  Run: runViewSchema,
  Site: siteViewSchema,
  SiteStatus: siteStatusSchema,
  StartRun: startRunSchema,
  StoredFederation: storedFederationSchema,
  Version: versionViewSchema,
  VersionDetail: versionDetailSchema,
};

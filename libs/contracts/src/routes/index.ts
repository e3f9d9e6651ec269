/** The route table: each route of the coordinator's API, written once. Its key is the `operationId` of the document. */
import { auditRoutes } from './audit.js';
import { documentRoutes } from './document.js';
import { eventRoutes } from './events.js';
import { healthRoutes } from './health.js';
import { jobRoutes } from './jobs.js';
import { keyEpochRoutes } from './key-epochs.js';
import { registryRoutes } from './registry.js';
import { runRoutes } from './runs.js';
import { siteRoutes } from './sites.js';
import { sumRoutes } from './sums.js';

export const routes = {
  ...healthRoutes,
  ...siteRoutes,
  ...keyEpochRoutes,
  ...sumRoutes,
  ...runRoutes,
  ...registryRoutes,
  ...auditRoutes,
  ...eventRoutes,
  ...jobRoutes,
  ...documentRoutes,
} as const;

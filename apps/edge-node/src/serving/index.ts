export { addIdentityRoute } from './identity.route.js';
export { ModelDirectory } from './model-directory.js';
export { buildServer, type ServerOptions } from './server.js';
export { type ServingSnapshot, ServingStats } from './serving-stats.js';
export { timeoutHeader } from './request-timeout.js';

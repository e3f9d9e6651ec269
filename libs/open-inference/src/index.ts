export { ModelDirectory } from './model-directory.js';
export { addRoute } from './routes.js';
export { buildServer, type ServerOptions } from './server.js';
export { ServingError } from './serving-error.js';
export { type ServingSnapshot, ServingStats } from './serving-stats.js';
export { isExpired, isOver, type Term } from './term.js';

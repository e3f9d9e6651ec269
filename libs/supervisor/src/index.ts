export { waitForLeftovers } from './leftovers.js';
export type { LogEntry } from './log-entry.js';
export { pause } from './pause.js';
export { identityOf, isRunning, pidOf } from './process-identity.js';
export { Program } from './program.js';

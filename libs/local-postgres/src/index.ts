export { LocalPostgresError, type LocalPostgresCode } from './errors.js';
export { startLocalPostgres, type LocalPostgres, type LocalPostgresOptions } from './start.js';

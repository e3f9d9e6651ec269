export { freePort } from './free-port.js';
export { runKilled } from './run-killed.js';
export { bitStep, runs } from './runs.js';
export { tempDir, type TempDir } from './temp-dir.js';
export { until } from './until.js';
export type { TestPostgres } from './test-postgres.js';
export { withDatabase, type DatabaseFixture } from './with-database.js';
export { withRedis, type RedisFixture } from './with-redis.js';

export { FakeClock } from './fake-clock.js';
export { freePort } from './free-port.js';
export { runs } from './runs.js';
export { tempDir, type TempDir } from './temp-dir.js';
export { startTestPostgres, type TestPostgres } from './test-postgres.js';
export { withDatabase, type DatabaseFixture } from './with-database.js';
export { withRedis, type RedisFixture } from './with-redis.js';

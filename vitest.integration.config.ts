/** Integration tests: real PostgreSQL, real Redis, real processes. `npx vitest run -c vitest.integration.config.ts`. */
import { sharedTestOptions } from './tools/vitest-options.ts';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    ...sharedTestOptions,
    name: 'integration',
    include: ['**/*.integration.spec.ts'],
    exclude: [...configDefaults.exclude, '**/dist/**'],
    globalSetup: ['./libs/testing/src/shared-postgres.setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

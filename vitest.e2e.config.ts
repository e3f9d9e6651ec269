/** Browser tests: the whole system, seen from Chromium. `npx vitest run -c vitest.e2e.config.ts`. */
import { sharedTestOptions } from './tools/vitest-options.ts';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    ...sharedTestOptions,
    name: 'e2e',
    include: ['e2e/**/*.e2e.spec.ts'],
    exclude: [...configDefaults.exclude, '**/dist/**'],
    // Each file starts the whole system; two at once would only share the cores and the memory.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

/** Unit tests: pure code and fakes, no other process. `npx vitest run [folder]`. */
import { longFactor } from './libs/testing/src/runs.ts';
import { sharedTestOptions } from './tools/vitest-options.ts';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    ...sharedTestOptions,
    name: 'unit',
    include: ['**/*.spec.{ts,tsx}'],
    exclude: [...configDefaults.exclude, '**/dist/**', '**/*.integration.spec.ts', '**/*.e2e.spec.ts'],
    testTimeout: 20_000 * longFactor,
  },
});

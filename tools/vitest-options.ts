import type { ViteUserConfig } from 'vitest/config';

/** What the three tiers of tests have in common. */
export const sharedTestOptions = {
  environment: 'node',
  // Processes, not threads: ONNX Runtime aborts its whole process when a busy worker thread is ended,
  // and a WASM heap that one file grew is given back when its process ends.
  pool: 'forks',
  maxWorkers: 2,
  setupFiles: ['reflect-metadata'],
  allowOnly: false,
  passWithNoTests: false,
  restoreMocks: true,
  unstubEnvs: true,
} satisfies ViteUserConfig['test'];

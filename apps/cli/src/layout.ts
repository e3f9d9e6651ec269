/** Where the programs of this repository are; the CLI starts them, it does not import them. */
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const programs = {
  coordinator: at('apps/coordinator/dist/main.js'),
  worker: at('apps/coordinator/dist/worker.js'),
  edgeNode: at('apps/edge-node/dist/main.js'),
  reference: at('libs/local-training/dist/reference.js'),
  dashboard: at('apps/dashboard/dist'),
} as const;

export const defaultHome = at('.koinon');

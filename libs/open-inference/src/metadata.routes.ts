import type { FastifyInstance } from 'fastify';
import type { InferenceRuntime } from '@koinon/inference';
import type { ModelDirectory } from './model-directory.js';
import { addRoute, type ModelParams, modelUrls } from './routes.js';
import { ServingError } from './serving-error.js';

export const serverMetadata = { name: 'koinon-edge-node', version: '2', extensions: ['binary_tensor_data'] } as const;

/** Health, server metadata and model metadata of the Open Inference Protocol. */
export function addMetadataRoutes(
  app: FastifyInstance,
  runtime: Pick<InferenceRuntime, 'healthy'>,
  models: ModelDirectory,
): void {
  addRoute(app, { method: 'GET', url: '/v2', handler: async () => serverMetadata });
  addRoute(app, {
    method: 'GET',
    url: '/v2/health/live',
    handler: async () => {
      if (!runtime.healthy)
        throw new ServingError('NODE_UNAVAILABLE', 'An inference thread was lost; restart the node.');
      return { live: true };
    },
  });
  addRoute(app, {
    method: 'GET',
    url: '/v2/health/ready',
    handler: async () => {
      if (!models.ready) throw new ServingError('MODEL_NOT_READY', 'Not every model has a version loaded yet.');
      return { ready: true };
    },
  });
  for (const url of modelUrls()) {
    addRoute(app, {
      method: 'GET',
      url,
      handler: async (request) => {
        const { model, version } = request.params as ModelParams;
        const slot = models.find(model, version);
        return {
          name: slot.name,
          versions: [slot.version],
          platform: 'onnx_onnxv1',
          inputs: slot.inputs,
          outputs: slot.outputs,
          parameters: { sha256: slot.sha256, ...(models.expired(model) ? { expired: true } : {}) },
        };
      },
    });
  }
  for (const url of modelUrls('/ready')) {
    addRoute(app, {
      method: 'GET',
      url,
      handler: async (request) => {
        const { model, version } = request.params as ModelParams;
        return { name: models.find(model, version).name, ready: true };
      },
    });
  }
}

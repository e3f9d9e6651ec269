import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { InferenceRuntime } from '@koinon/inference';
import { readInferenceRequest } from './inference-request.js';
import { encodeResponse } from './inference-response.js';
import type { ModelDirectory } from './model-directory.js';
import { readBody } from './request-body.js';
import { readTimeoutMs, TIMEOUT_HEADER } from './request-timeout.js';
import { addRoute, type ModelParams, modelUrls } from './routes.js';
import { ServingError, toServingError } from './serving-error.js';
import type { ServingMetrics } from './serving-metrics.js';

const mediaTypes = new Set([undefined, 'application/json', 'application/octet-stream']);

export interface InferRoutes {
  readonly runtime: InferenceRuntime;
  readonly models: ModelDirectory;
  readonly metrics: ServingMetrics;
}

/** POST …/infer: refuse early, parse, run in a worker thread, encode. */
export function addInferRoutes(app: FastifyInstance, { runtime, models, metrics }: InferRoutes): void {
  // Fastify's own `elapsedTime` stays 0 unless something logs.
  const arrivedMs = new WeakMap<FastifyRequest, number>();

  /** All that can be refused before the body is read. */
  const admit = async (request: FastifyRequest): Promise<void> => {
    arrivedMs.set(request, performance.now());
    const { model, version } = request.params as ModelParams;
    models.find(model, version);
    if (!mediaTypes.has(request.headers['content-type']?.split(';')[0]?.trim().toLowerCase())) {
      throw new ServingError(
        'MEDIA_TYPE_UNSUPPORTED',
        'Send Content-Type: application/json or application/octet-stream.',
      );
    }
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw new ServingError('MEDIA_TYPE_UNSUPPORTED', 'Send the body without Content-Encoding.');
    }
    readTimeoutMs(request.headers[TIMEOUT_HEADER]);
    if (runtime.full)
      throw new ServingError('QUEUE_FULL', 'The node is busy; try again after the time in Retry-After.');
  };

  const infer = async (request: FastifyRequest, reply: FastifyReply): Promise<string | Buffer> => {
    const { model, version } = request.params as ModelParams;
    const startMs = arrivedMs.get(request) ?? performance.now();
    const deadlineMs = startMs + readTimeoutMs(request.headers[TIMEOUT_HEADER]);
    // From here to `infer` nothing awaits: the version that parsed the request is the one that answers it.
    const slot = models.find(model, version);
    const body = readBody(request.body, header(request.headers['inference-header-content-length']));
    const parsed = readInferenceRequest(body, slot, request.body instanceof Uint8Array ? request.body.length : 0);
    const outputs = parsed.outputs.map(({ name }) => name);
    const result = await runtime.infer(model, slot.version, parsed.inputs, {
      signal: whenClientLeaves(reply),
      deadlineMs,
      outputs,
    });
    const { headers, payload } = encodeResponse(parsed, slot, result, models.expired(model));
    metrics.success(slot, result, performance.now() - startMs);
    void reply.headers(headers);
    return payload;
  };

  for (const url of modelUrls('/infer')) {
    addRoute(app, {
      method: 'POST',
      url,
      onRequest: admit,
      onError: async (request, _reply, error) => {
        const slot = models.current((request.params as ModelParams).model);
        if (slot) metrics.failure(slot, toServingError(error).code);
      },
      handler: infer,
    });
  }
}

/** A repeated header is joined by commas, which no parser accepts as a number. */
const header = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join() : value;

function whenClientLeaves(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

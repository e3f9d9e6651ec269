import { z } from 'zod';
import { sha256Schema } from '../ids.js';
import { modelViewSchema, versionDetailSchema } from '../views.js';
import { readFailures, writeFailures } from './errors-of.js';
import { digits, octets, route } from './route.js';

const version = {
  model: z.string(),
  version: digits(
    z
      .int()
      .min(1)
      .max(2 ** 31 - 1),
  ),
};

export const registryRoutes = {
  models: route({
    method: 'GET',
    path: '/v1/models',
    access: 'viewer',
    summary: 'All models with their versions.',
    answer: z.array(modelViewSchema),
  }),
  model: route({
    method: 'GET',
    path: '/v1/models/:model',
    access: 'viewer',
    summary: 'One model with its versions, newest first.',
    params: { model: z.string() },
    answer: modelViewSchema,
    errors: ['NOT_FOUND'],
  }),
  version: route({
    method: 'GET',
    path: '/v1/models/:model/versions/:version',
    access: 'viewer',
    summary: 'One version with its lineage and the coordinator’s signed statement about it.',
    params: version,
    answer: versionDetailSchema,
    errors: ['NOT_FOUND'],
  }),
  modelFile: route({
    method: 'GET',
    path: '/v1/models/:model/versions/:version/file',
    access: 'viewer',
    summary: 'The model file of a version.',
    params: version,
    answer: octets('An ONNX model whose SHA-256 is that of the version.'),
    errors: ['NOT_FOUND', ...readFailures],
  }),
  putBlob: route({
    method: 'PUT',
    path: '/v1/blobs/:sha256',
    access: 'operator',
    summary: 'Stores a model file or a records schema under its SHA-256.',
    params: { sha256: sha256Schema },
    body: { ...octets('The file, at most 1 GiB.'), maxBytes: 2 ** 30 },
    errors: writeFailures,
  }),
  siteBlob: route({
    method: 'GET',
    path: '/v1/site/blobs/:sha256',
    access: 'site',
    summary: 'A model file or a records schema, for a site.',
    params: { sha256: sha256Schema },
    answer: octets('The file whose SHA-256 was asked for.'),
    errors: readFailures,
  }),
};

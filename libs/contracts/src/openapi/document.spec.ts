import { describe, expect, it } from 'vitest';
import { catalogue, type ErrorCode } from '../errors.js';
import { errorsOf } from '../routes/errors-of.js';
import { routes } from '../routes/index.js';
import type { Route } from '../routes/route.js';
import { openApiDocument } from './document.js';

const document = openApiDocument(routes, '1.2.3');
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
const operationOf = (id: keyof typeof routes) => operations.find(({ operationId }) => operationId === id)!;

/** All values of a key, wherever it is. */
const valuesOf = (key: string): unknown[] => {
  const found: unknown[] = [];
  JSON.stringify(document, (name, value: unknown) => (name === key && found.push(value), value));
  return found;
};

describe('the OpenAPI document', () => {
  it('has every route once, with the codes of each under their status', () => {
    expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(Object.keys(routes).toSorted());
    for (const [id, route] of Object.entries(routes) as [keyof typeof routes, Route][]) {
      const { responses } = operationOf(id);
      expect(document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]![route.method.toLowerCase()]!.operationId).toBe(
        id,
      );
      const problems = Object.entries(responses).flatMap(([status, { content }]) => {
        const { properties } = (content?.['application/problem+json']?.schema ?? { properties: {} }) as {
          properties: { code?: { enum: ErrorCode[] }; status?: { const: number } };
        };
        expect(properties.status?.const ?? Number(status)).toBe(Number(status));
        return (properties.code?.enum ?? []).map((code) => `${status} ${code}`);
      });
      expect(problems.toSorted()).toEqual(
        errorsOf(route)
          .map((code) => `${catalogue[code][0]} ${code}`)
          .toSorted(),
      );
      expect(responses[route.status]).toBeDefined();
    }
  });

  it('refers to nothing that it does not hold, and holds only standard JSON Schema', () => {
    const references = new Set(valuesOf('$ref') as string[]);
    expect(references.size).toBeGreaterThan(15);
    for (const reference of references)
      expect(document.components.schemas).toHaveProperty(reference.replace('#/components/schemas/', ''));
    expect([valuesOf('$id'), valuesOf('$schema'), valuesOf('$defs')]).toEqual([[], [], []]);
  });

  it('tells bytes, events, parameters and who may ask', () => {
    expect(operationOf('putBlob')).toMatchObject({
      requestBody: { content: { 'application/octet-stream': {} } },
      security: [{ token: ['operator'] }],
      parameters: [{ name: 'sha256', in: 'path', required: true, schema: { pattern: '^[0-9a-f]{64}$' } }],
    });
    expect(operationOf('events').responses['200']!.content).toEqual({
      'text/event-stream': { schema: { type: 'string' } },
    });
    expect(operationOf('ceremonyInbox')).toMatchObject({
      security: [{ site: [], signedRequest: [] }],
      parameters: [{ name: 'keyEpochId' }, { name: 'step', in: 'query', required: true }],
    });
    expect(operationOf('assignments').parameters).toEqual([
      {
        name: 'waitMs',
        in: 'query',
        required: false,
        schema: { type: 'integer', minimum: 0, maximum: 30_000, default: 0 },
      },
      { name: 'known', in: 'query', required: false, schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
    ]);
    expect(operationOf('live').security).toEqual([]);
    expect(operationOf('reportStatus').responses['204']).not.toHaveProperty('content');
  });

  it('shows the federation file in its present words', () => {
    expect(document.components.schemas.Federation).toMatchObject({
      properties: {
        task: { const: 'binary' },
        model: { required: ['file', 'output', 'trainable', 'loss'] },
        records: {},
      },
    });
    expect(document.components.schemas.Lineage).toHaveProperty('properties.recordsSchemaSha256');
  });

  it('lets a reader of answers pass over fields that it does not know, and refuses them in requests', () => {
    const { Run, StartRun } = document.components.schemas;
    expect(Run).not.toHaveProperty('additionalProperties');
    expect(StartRun).toMatchObject({
      additionalProperties: false,
      required: ['spec', 'modelSha256', 'recordsSchemaSha256'],
    });
  });
});

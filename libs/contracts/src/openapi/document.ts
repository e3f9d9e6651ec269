/** The OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.1) of the route table. */
import type { z } from 'zod';
import { catalogue, type ErrorCode } from '../errors.js';
import { errorsOf } from '../routes/errors-of.js';
import { isJson, type Access, type Octets, type Route } from '../routes/route.js';
import { namedSchemas } from './components.js';
import { SchemaWriter, type JsonSchema } from './json-schema.js';

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  /** By path, then by method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: MediaTypes }>>;
  readonly [field: string]: unknown;
}

type MediaTypes = Readonly<Record<string, { readonly schema?: JsonSchema }>>;

const security: Record<Access, readonly Readonly<Record<string, readonly string[]>>[]> = {
  anyone: [],
  viewer: [{ token: ['viewer'] }],
  operator: [{ token: ['operator'] }],
  site: [{ site: [], signedRequest: [] }],
};

const securitySchemes = {
  token: { type: 'http', scheme: 'bearer', description: 'The token of an operator or, to read, of a viewer.' },
  site: { type: 'apiKey', in: 'header', name: 'koinon-site', description: 'The id of the site that asks.' },
  signedRequest: {
    type: 'apiKey',
    in: 'header',
    name: 'koinon-request',
    description:
      'Base64 of a DSSE envelope in JSON: the site’s Ed25519 signature over site, method, path, SHA-256 of the body, time and nonce, as canonical JSON.',
  },
};

/** @param version of the coordinator */
export function openApiDocument(routes: Readonly<Record<string, Route>>, version: string): OpenApiDocument {
  const schemas = new SchemaWriter(namedSchemas);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [operationId, route] of Object.entries(routes))
    (paths[templateOf(route)] ??= {})[route.method.toLowerCase()] = operationOf(operationId, route, schemas);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Koinon coordinator',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Every error is a problem document (RFC 9457) with a code; the codes of a status are listed with it.',
    },
    paths,
    components: { schemas: schemas.components(), securitySchemes },
  };
}

const templateOf = ({ path }: Route): string => path.replaceAll(/:(\w+)/g, '{$1}');

function operationOf(operationId: string, route: Route, schemas: SchemaWriter): Operation {
  const { summary, path, access, params, query, body, status, answer } = route;
  return {
    operationId,
    summary,
    tags: [path.split('/')[2]],
    security: security[access],
    parameters: [...parametersOf(params, 'path', schemas), ...parametersOf(query, 'query', schemas)],
    ...(body === null ? {} : { requestBody: { required: true, ...described(body, schemas) } }),
    responses: {
      [status]: { description: summary, ...(answer === null ? {} : described(answer, schemas)) },
      ...problemsOf(route),
    },
  };
}

function parametersOf({ shape }: z.ZodObject, place: 'path' | 'query', schemas: SchemaWriter) {
  return Object.entries(shape).map(([name, schema]) => {
    const type = schema as z.ZodType;
    return {
      name,
      in: place,
      required: place === 'path' || !type.safeParse(undefined).success,
      schema: schemas.of(type),
    };
  });
}

function described(content: z.ZodType | Octets, schemas: SchemaWriter): { description?: string; content: MediaTypes } {
  if (isJson(content)) return { content: { 'application/json': { schema: schemas.of(content) } } };
  // Bytes have no schema in OpenAPI 3.1; events are text.
  const schema = content.contentType === 'text/event-stream' ? { schema: { type: 'string' } } : {};
  return { description: content.description, content: { [content.contentType]: schema } };
}

/** The codes of a route by the status they leave with. */
function problemsOf(route: Route): Operation['responses'] {
  const codes = Map.groupBy(errorsOf(route), (code) => catalogue[code][0]);
  return Object.fromEntries(
    [...codes].map(([status, list]) => [
      status,
      { description: list.map(explained).join('\n\n'), content: problemWith(status, list) },
    ]),
  );
}

const explained = (code: ErrorCode): string => `\`${code}\`: ${catalogue[code][1]}`;

const problemWith = (status: number, codes: readonly ErrorCode[]): MediaTypes => ({
  'application/problem+json': {
    schema: { $ref: '#/components/schemas/Problem', properties: { status: { const: status }, code: { enum: codes } } },
  },
});

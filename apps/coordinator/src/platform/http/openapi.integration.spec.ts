import { openApiDocument, routes, type OpenApiDocument } from '@koinon/contracts';
import { Validator } from '@seriousme/openapi-schema-validator';
import { withDatabase } from '@koinon/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { onAnswer, type SentAnswer } from '../../testing/answers.fixture.js';
import { ended, startRun, withFederation } from '../../testing/federation.fixture.js';
import { tinySpec } from '../../testing/tiny-federation.fixture.js';

describe('the document at GET /v1/openapi.json', () => {
  const database = withDatabase();
  const answers: SentAnswer[] = [];
  const federation = withFederation(
    () => ({
      databaseUrl: database.url,
      prepare: (app) => onAnswer(app.getHttpAdapter().getInstance(), (answer) => answers.push(answer)),
    }),
    { alpha: {}, beta: {}, gamma: {} },
  );
  const fetched = async () =>
    (await (await fetch(new URL(routes.openApi.path, federation.coordinator.url))).json()) as OpenApiDocument;

  it('is OpenAPI 3.1 to a validator that knows nothing of us, and the table’s', async () => {
    const document = await fetched();
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document) as never)).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(document).toEqual(JSON.parse(JSON.stringify(openApiDocument(routes, document.info['version'] as string))));
  });

  it('says what every GET answers, to people, to sites in a round, and to whom it refuses', async () => {
    const { coordinator, sites } = federation;
    const { client } = coordinator;
    const { id } = await startRun(coordinator, tinySpec());
    for (const site of sites) site.work();
    const { state, rounds } = await ended(coordinator, id);
    expect(state).toBe('done');
    const version = rounds[0]!.version!;
    await client.modelFile('tiny', version);
    // A site asks what is there only where an upload was cut off.
    const [sumId] = sites[0]!.sent.keys();
    await sites[0]!.link.ask('GET', `/v1/site/sums/${sumId}/blocks`);
    await Promise.all([client.runs(), client.sites(), client.models(), client.model('tiny'), client.auditReport()]);
    await Promise.all([client.failedJobs(), client.call(routes.auditEntries), client.call(routes.openApi)]);
    await Promise.all([client.call(routes.live), client.call(routes.ready)]);
    await expect(client.version('tiny', version + 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(client.run('x')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(sites[0]!.link.ask('GET', '/v1/site/blobs/x')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });

    const document = await fetched();
    for (const answer of answers) expect(mismatchOf(document, answer)).toEqual([]);
    const given = new Set(answers.filter(({ status }) => status < 300).map(({ route }) => route.path));
    const gets = Object.values(routes).filter(({ method, path }) => method === 'GET' && path !== routes.events.path);
    expect(gets.map(({ path }) => path).filter((path) => !given.has(path))).toEqual([]);
    expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThan(2);
  });

  it('says the form of events, which are sent past the framework', async () => {
    const stop = new AbortController();
    const { url, viewerToken } = federation.coordinator;
    const headers = { authorization: `Bearer ${viewerToken}` };
    const response = await fetch(new URL(routes.events.path, url), { headers, signal: stop.signal });
    const described = (await fetched()).paths[routes.events.path]!['get']!.responses['200']!;
    expect(Object.keys(described.content!)).toEqual([response.headers.get('content-type')]);
    stop.abort();
  });
});

const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** What the document does not say of an answer. */
function mismatchOf(document: OpenApiDocument, { route, status, type, text }: SentAnswer): unknown[] {
  const operation = document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]![route.method.toLowerCase()]!;
  const described = operation.responses[status];
  const name = `${operation.operationId} ${status} ${type}`;
  if (!described) return [`${name}: no such status`];
  if (!described.content) return text ? [`${name}: a body`] : [];
  const media = described.content[type ?? ''];
  if (!media) return [`${name}: no such type`];
  if (!media.schema) return [];
  const id = encodeURI(name);
  const schema = () => ({ ...media.schema, $id: id, components: document.components });
  const validate = ajv.getSchema(id) ?? ajv.compile(schema());
  return validate(JSON.parse(text!)) ? [] : [name, ...(validate.errors ?? [])];
}

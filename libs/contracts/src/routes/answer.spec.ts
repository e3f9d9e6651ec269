import { describe, expect, it } from 'vitest';
import { CodedError, toWire } from '../errors.js';
import { answerOf } from './answer.js';
import { routes } from './index.js';

const answered = (body: BodyInit | null, type?: string, status = 200): Response =>
  new Response(body, { status, ...(type ? { headers: { 'content-type': type } } : {}) });
const problem = (error: CodedError): Response =>
  answered(JSON.stringify(toWire(error)), 'application/problem+json', error.status);

describe('answerOf', () => {
  it('reads JSON by its schema, bytes and streams', async () => {
    expect(await answerOf(routes.live, answered('{"live":true}', 'application/json; charset=utf-8'))).toEqual({
      live: true,
    });
    expect(await answerOf(routes.siteBlob, answered(Uint8Array.of(1, 2), 'application/octet-stream'))).toEqual(
      Uint8Array.of(1, 2),
    );
    expect(
      await new Response(await answerOf(routes.events, answered('data: {}\n\n', 'text/event-stream'))).text(),
    ).toBe('data: {}\n\n');
    expect(await answerOf(routes.putBlob, answered(null, undefined, 204))).toBeUndefined();
  });

  it('throws the coded error of a problem document, with its detail and its fields', async () => {
    const error = new CodedError('REQUEST_INVALID', 'why', [{ path: 'spec.rounds', message: 'too many' }]);
    await expect(answerOf(routes.startRun, problem(error))).rejects.toEqual(error);
  });

  it.each(['<html>bad gateway</html>', '{"code":"E_OTHER"}', '{"code":"toString"}', 'null', '[]', '3'])(
    'takes an error in another form for that of something in between, and gives its status: %s',
    async (body) => {
      await expect(answerOf(routes.runs, answered(body, 'application/json', 502))).rejects.toMatchObject({
        code: 'COORDINATOR_UNREACHABLE',
        detail: 'HTTP 502 that is not the coordinator’s',
        issues: [],
      });
    },
  );

  it.each([
    ['a page for JSON', routes.runs, answered('<html>', 'text/html')],
    ['a page for bytes', routes.siteBlob, answered('<html>', 'text/html')],
    ['a page for events', routes.events, answered('<html>', 'text/html')],
    ['a page where nothing is answered', routes.reportStatus, answered('<html>', 'text/html')],
    ['nothing for JSON', routes.runs, answered(null, undefined, 204)],
    ['half of a JSON text', routes.runs, answered('[{"id":', 'application/json')],
    ['bytes of no type', routes.siteBlob, answered(Uint8Array.of(1))],
  ])('does not take %s for the coordinator’s', async (_, route, response) => {
    await expect(answerOf(route, response)).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
  });

  it('refuses what the schema does not know, and names the field', async () => {
    await expect(answerOf(routes.auditReport, answered('{"entries":"3"}', 'application/json'))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      issues: expect.arrayContaining([expect.objectContaining({ path: 'entries' })]),
    });
  });
});

import { describe, expect, it } from 'vitest';
import { input, start, INFER_PATH } from './testing/fake-server.js';

describe('the server', () => {
  it.each([
    ['another method', 'GET', INFER_PATH, {}, 405, 'METHOD_NOT_ALLOWED'],
    ['another address', 'GET', '/v3', {}, 404, 'ROUTE_NOT_FOUND'],
    ['an address that cannot be decoded', 'GET', '/v2/models/%zz', {}, 400, 'REQUEST_INVALID'],
    ['an unknown model', 'POST', '/v2/models/liver/infer', {}, 404, 'MODEL_NOT_FOUND'],
    ['an unknown version', 'POST', '/v2/models/heart-disease/versions/v6/infer', {}, 404, 'VERSION_NOT_FOUND'],
    ['another media type', 'POST', INFER_PATH, { 'content-type': 'text/csv' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a compressed body', 'POST', INFER_PATH, { 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a timeout of nothing', 'POST', INFER_PATH, { 'koinon-timeout-ms': '0' }, 400, 'TIMEOUT_INVALID'],
    ['a timeout in words', 'POST', INFER_PATH, { 'koinon-timeout-ms': 'soon' }, 400, 'TIMEOUT_INVALID'],
  ] as const)('refuses %s', async (_what, method, path, headers, status, code) => {
    const { app } = start();
    const response = await app.inject({ method, url: path, headers, ...(method === 'POST' ? { payload: '{}' } : {}) });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    if (status === 405) expect(response.headers['allow']).toBe('POST');
  });

  it('refuses a body over the limit', async () => {
    const { infer } = start();
    const response = await infer({ id: 'x'.repeat(2000), inputs: [input] });
    expect([response.statusCode, response.json().code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('tells nothing of an unforeseen error, and hands it to whoever runs the server', async () => {
    const { infer, runtime, onFailure } = start();
    const failure = new Error('the file /home/node/secret is missing');
    runtime.answer = async () => {
      throw failure;
    };
    const response = await infer({ inputs: [input] });
    expect([response.statusCode, response.json().code]).toEqual([500, 'INTERNAL']);
    expect(response.body).not.toContain('secret');
    expect(onFailure).toHaveBeenCalledExactlyOnceWith(failure);
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientFetch } from './patient-fetch.js';

describe('patientFetch', () => {
  let requests = 0;
  /** Breaks off the first two: one before the answer, one in its middle. */
  const server = createServer((request, response) => {
    requests++;
    if (request.url === '/away') response.writeHead(503).end('the database is away');
    else if (request.url === '/back') response.writeHead(requests % 3 === 0 ? 200 : 503).end(String(requests));
    else if (request.url === '/gone') response.writeHead(204).end();
    else if (requests === 1) request.socket.destroy();
    else if (requests === 2)
      response.writeHead(200, { 'content-length': '100' }).write('half', () => request.socket.destroy());
    else response.writeHead(418, { 'content-type': 'text/plain' }).end('whole');
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it('asks until an answer has come to its end', async () => {
    const response = await patientFetch(new AbortController().signal)(url);
    expect({
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
      requests,
    }).toEqual({ status: 418, type: 'text/plain', text: 'whole', requests: 3 });
  });

  it('passes on an answer without a body', async () => {
    expect((await patientFetch(new AbortController().signal)(`${url}/gone`)).status).toBe(204);
  });

  it('waits for a service that says it is not available, and tells so once', async () => {
    requests = 0;
    let told = 0;
    const response = await patientFetch(new AbortController().signal, () => told++)(`${url}/back`);
    expect({ status: response.status, text: await response.text(), told }).toEqual({ status: 200, text: '3', told: 1 });
  });

  it('hands on what fails for longer than it has patience', async () => {
    const impatient = patientFetch(new AbortController().signal, undefined, 0);
    expect((await impatient(`${url}/away`)).status).toBe(503);
    await expect(impatient('http://127.0.0.1:1')).rejects.toThrow(TypeError);
  });

  it('gives up with the signal', async () => {
    const stopping = new AbortController();
    const asked = patientFetch(stopping.signal)('http://127.0.0.1:1');
    stopping.abort(new Error('stop'));
    await expect(asked).rejects.toThrow('stop');
  });
});

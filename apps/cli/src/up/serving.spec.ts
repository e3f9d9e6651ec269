import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { VersionView } from '@koinon/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { measureServing } from './serving.js';

const version = { model: 'heart-disease', version: 6, sha256: 'a'.repeat(64) } as VersionView;
const open: Server[] = [];

afterEach(() => {
  for (const server of open.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function node(answer: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  open.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const metadata = (sha256: string): string => JSON.stringify({ parameters: { sha256 } });
const never = new AbortController().signal;
const atOnce = { toldMs: 0, silentMs: 60_000 };
const nodesAt = (urls: string[]) => () => urls.map((url, i) => ({ site: `site-${i}`, url }));
const noReason = () => Promise.resolve(new Map<string, string>());
const measure = (urls: string[], signal = never) => measureServing(nodesAt(urls), version, noReason, signal);
const healthy = () =>
  node((request, response) => void response.end(request.method === 'POST' ? '{}' : metadata(version.sha256)));

describe('measureServing', () => {
  it('asks for predictions only once the node itself says it serves the version', async () => {
    const asked: string[] = [];
    const url = await node((request, response) => {
      asked.push(request.method!);
      if (request.method === 'POST') response.end('{}');
      else if (asked.length === 1) response.writeHead(503).end('{}');
      else response.end(metadata(asked.length === 2 ? 'b'.repeat(64) : version.sha256));
    });
    const [report] = (await measure([url])).reports;
    expect(report).toMatchObject({ site: 'site-0', url: `${url}/v2/models/heart-disease/infer`, requests: 300 });
    expect(report!.p50Ms > 0 && report!.p50Ms <= report!.p99Ms).toBe(true);
    expect(asked.slice(0, 4)).toEqual(['GET', 'GET', 'GET', 'POST']);
    expect(asked.filter((method) => method === 'POST')).toHaveLength(320);
  });

  it('begins again with a node that went away in between', async () => {
    let posts = 0;
    const url = await node((request, response) => {
      if (request.method !== 'POST') response.end(metadata(version.sha256));
      else if (++posts === 50) request.socket.destroy();
      else response.end('{}');
    });
    expect(await measure([url])).toMatchObject({ reports: [{ requests: 300 }], absent: [] });
    expect(posts).toBe(50 + 320);
  });

  it('goes on without a node that ended for good, and waits for one that has not come up yet', async () => {
    const up = await healthy();
    let looks = 0;
    const running = () => [{ site: 'b', url: up }, ...(looks++ < 3 ? [{ site: 'a', url: 'http://127.0.0.1:1' }] : [])];
    expect((await measureServing(running, version, noReason, never)).reports.map(({ site }) => site)).toEqual(['b']);
    expect(looks).toBeGreaterThan(3);
  });

  it('serves with those that can, and tells why the others cannot', async () => {
    const failing = await node(
      (request, response) =>
        void (request.method === 'POST' ? response.writeHead(500).end('{}') : response.end(metadata(version.sha256))),
    );
    const old = await node((_request, response) => void response.end(metadata('b'.repeat(64))));
    const reasons = async () => new Map([['site-2', 'RELEASE_EXPIRED']]);
    expect(
      await measureServing(nodesAt([await healthy(), failing, old]), version, reasons, never, atOnce),
    ).toMatchObject({
      reports: [{ site: 'site-0', requests: 300 }],
      absent: [
        { site: 'site-1', reason: 'it answered a prediction with HTTP 500' },
        { site: 'site-2', reason: 'RELEASE_EXPIRED' },
      ],
    });
    await expect(measureServing(nodesAt([failing]), version, noReason, never, atOnce)).rejects.toMatchObject({
      code: 'INTERNAL',
      detail: 'no hospital serves version 6: site-0: it answered a prediction with HTTP 500',
    });
    const silent = { toldMs: 60_000, silentMs: 0 };
    await expect(measureServing(nodesAt([old]), version, noReason, never, silent)).rejects.toThrow(
      'site-0: it told no reason; see its log',
    );
  });

  it('stops when it is told to', async () => {
    const stopping = new AbortController();
    const reason = new Error('stop');
    const measured = measure(['http://127.0.0.1:1'], stopping.signal);
    stopping.abort(reason);
    await expect(measured).rejects.toBe(reason);
  });
});

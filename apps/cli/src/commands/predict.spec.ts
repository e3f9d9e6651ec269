import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generateSigningKey, proveIdentity, signerFrom } from '@koinon/signing';
import { type SiteView } from '@koinon/contracts';
import { tempDir } from '@koinon/testing';
import { Command } from 'commander';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { configuredNodes } from '../nodes-file.js';
import { addPredictCommand } from './predict.js';

const PATIENT = ['54.25', '1', '130'];
const answer = {
  model_name: 'heart-disease',
  model_version: '6',
  outputs: [{ name: 'probability', shape: [1, 1], data: [0.25] }],
};

/** Answers what `reply` returns as JSON, and keeps everything that it was sent. */
async function listen(reply: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    received.push(`${request.url} ${body}`);
    response.end(JSON.stringify((await reply(request, response)) ?? null));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** A node of a site with a key of its own. */
async function node(
  site: string,
  infer: (request: IncomingMessage, response: ServerResponse) => unknown = () => answer,
) {
  const { pkcs8, publicKey } = await generateSigningKey();
  const signer = await signerFrom(pkcs8, publicKey);
  const listening = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://node');
    if (pathname === '/v2/identity') return proveIdentity(signer, site, searchParams.get('challenge')!);
    return pathname.endsWith('/infer') ? infer(request, response) : { name: 'heart-disease' };
  });
  return { ...listening, keyFingerprint: signer.keyFingerprint };
}

describe('koinon predict', () => {
  let printed: string;
  beforeEach(() => {
    printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((printed += String(text))));
  });

  async function predict(
    nodes: Record<string, { url: string; keyFingerprint: string }>,
    ...options: string[]
  ): Promise<string> {
    using dir = tempDir();
    const file = join(dir.path, 'nodes.json');
    writeFileSync(
      file,
      JSON.stringify(
        Object.fromEntries(
          Object.entries(nodes).map(([site, { url, keyFingerprint }]) => [site, { url, keyFingerprint }]),
        ),
      ),
    );
    vi.stubEnv('KOINON_NODES_FILE', file);
    const program = new Command();
    addPredictCommand(program, (command) => command.option('--format <format>', '', 'text'));
    await program.parseAsync(['predict', 'heart-disease', ...options, '--', ...PATIENT], { from: 'user' });
    return printed;
  }

  it('goes to a configured node that proved its key, whatever address the site told the coordinator', async () => {
    const hostile = await listen(() => answer);
    const sites = [
      {
        id: 'va',
        name: 'VA',
        state: 'enrolled',
        status: { serving: [{ model: 'heart-disease' }], servingUrl: hostile.url },
      } as unknown as SiteView,
    ];
    const coordinator = await listen(() => sites);
    using dir = tempDir();
    writeFileSync(join(dir.path, 'token'), 'token');
    vi.stubEnv('KOINON_COORDINATOR_URL', coordinator.url);
    vi.stubEnv('KOINON_TOKEN_FILE', join(dir.path, 'token'));
    const va = await node('va');
    expect(await predict({ va }, '--site', 'va')).toBe('probability 0.2500\nheart-disease version 6 at va\n');
    expect(hostile.received).toEqual([]);
    expect(va.received.at(-1)).toContain('[54.25,1,130]');
  });

  it.each<[string, () => Promise<{ url: string; keyFingerprint: string; received: string[] }>]>([
    ['holds another key', async () => ({ ...(await node('va')), keyFingerprint: 'ab'.repeat(32) })],
    ['is another site’s', () => node('cleveland')],
    ['answers anything', async () => ({ ...(await listen(() => answer)), keyFingerprint: 'ab'.repeat(32) })],
  ])('sends no patient to a node that %s', async (_name, make) => {
    const impostor = await make();
    await expect(predict({ va: impostor })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(impostor.received).toEqual([expect.stringMatching(/^\/v2\/identity\?challenge=[0-9a-f]{64} $/)]);
  });

  it('names the present word where the file of nodes has one of before', async () => {
    using dir = tempDir();
    const file = join(dir.path, 'nodes.json');
    const { url, keyFingerprint } = await node('va');
    writeFileSync(file, JSON.stringify({ va: { url, fingerprint: keyFingerprint } }));
    vi.stubEnv('KOINON_NODES_FILE', file);
    expect(() => configuredNodes()).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        issues: expect.arrayContaining([{ path: 'va', message: '`fingerprint` is now called `keyFingerprint`' }]),
      }),
    );
  });

  it('follows no node to another address', async () => {
    const elsewhere = await listen(() => answer);
    const va = await node('va', (_request, response) => void response.writeHead(307, { location: elsewhere.url }));
    await expect(predict({ va })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(elsewhere.received).toEqual([]);
  });

  it.each([404, 503])('takes a node that answers %i when asked who it is for one that is away', async (status) => {
    const busy = await listen((_request, response) => void (response.statusCode = status));
    const nodes = { cleveland: { ...busy, keyFingerprint: 'ab'.repeat(32) }, va: await node('va') };
    expect(await predict(nodes)).toContain('at va\n');
    await expect(predict(nodes, '--site', 'cleveland')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(busy.received.every((request) => request.startsWith('/v2/identity?'))).toBe(true);
  });

  it('asks the next node when one is away, and says when none serves the model', async () => {
    const away = { url: 'http://127.0.0.1:1', keyFingerprint: 'ab'.repeat(32) };
    expect(await predict({ cleveland: away, va: await node('va') })).toContain('at va\n');
    await expect(predict({ cleveland: away })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: 'no hospital serves heart-disease now',
    });
    await expect(predict({ va: away }, '--site', 'hungarian')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

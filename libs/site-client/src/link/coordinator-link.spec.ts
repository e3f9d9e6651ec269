import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { CodedError, PROTOCOL, toWire, type SiteStatus } from '@koinon/contracts';
import { freePort } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCoordinator, listOf } from '../testing/fake-coordinator.js';
import { KEY_EPOCH, newSigner } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';
import { CoordinatorLink } from './coordinator-link.js';

const status: SiteStatus = { serving: [], notServing: [], offers: [], requests: 3, epsilonSpent: null };
/** A question that names it is held open. */
const nothing = listOf([], [KEY_EPOCH]).digest;
const unreachable = { code: 'COORDINATOR_UNREACHABLE' };

describe('the link to the coordinator', () => {
  let coordinator: FakeCoordinator;
  let stopping: AbortController;
  let link: CoordinatorLink;
  beforeEach(async () => {
    coordinator = await FakeCoordinator.start();
    stopping = new AbortController();
    const signer = await newSigner();
    coordinator.identityKey = signer.publicKey;
    link = new CoordinatorLink(coordinator.url, 'basel', signer, stopping.signal);
  });
  afterEach(() => coordinator[Symbol.asyncDispose]());

  it('signs method, path and body of every request, each with a nonce of its own', async () => {
    await link.report(status);
    await link.putDecryptionShare(randomUUID(), Uint8Array.of(1, 2, 3));
    const [report, share] = coordinator.requests;
    expect(report!.signed).toMatchObject({
      site: 'basel',
      method: 'POST',
      path: '/v1/site/status',
      bodySha256: sha256(JSON.stringify(status)),
    });
    expect(share!.signed).toMatchObject({ method: 'PUT', bodySha256: sha256(Uint8Array.of(1, 2, 3)) });
    expect(share!.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'koinon-site': 'basel' });
    expect(new Set(coordinator.requests.map((r) => r.signed!.nonce)).size).toBe(2);
    expect(Math.abs(Date.now() - report!.signed!.createdAt)).toBeLessThan(60_000);
  });

  it('is refused where another key signed', async () => {
    coordinator.identityKey = (await newSigner()).publicKey;
    await expect(link.report(status)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('throws what the coordinator answers as its code', async () => {
    coordinator.answer = () => {
      throw new CodedError('ROUND_DEADLINE_PASSED', 'detail');
    };
    await expect(link.assignments()).rejects.toMatchObject({ code: 'ROUND_DEADLINE_PASSED', detail: 'detail' });
  });

  it.each([
    [300_000, 'ahead of'],
    [-300_000, 'behind'],
  ])('says which clock is ahead when its time is refused, and by how much: %i ms', async (ms, side) => {
    const refuse = (response: ServerResponse, problem: object) =>
      response
        .writeHead(401, { 'content-type': 'application/problem+json', date: new Date(Date.now() - ms).toUTCString() })
        .end(JSON.stringify(problem));
    coordinator.answer = () => (response: ServerResponse) =>
      refuse(response, toWire(new CodedError('REQUEST_EXPIRED')));
    const refused = await link.report(status).catch((error: CodedError) => error);
    expect(refused).toMatchObject({
      code: 'REQUEST_EXPIRED',
      detail: expect.stringMatching(new RegExp(`^this node’s clock is \\d{3} s ${side} the coordinator’s$`)),
    });
    expect(Math.abs(link.clockAheadMs! - ms)).toBeLessThanOrEqual(60_000);
    coordinator.answer = () => (response: ServerResponse) =>
      refuse(response, toWire(new CodedError('REQUEST_EXPIRED', 'its nonce was used')));
    await expect(link.report(status)).rejects.toMatchObject({ detail: 'its nonce was used' });
  });

  it('takes blobs only with the digest that was asked for', async () => {
    const blob = new TextEncoder().encode('model');
    coordinator.blobs.set(sha256(blob), blob);
    expect(await link.blob(sha256(blob))).toEqual(blob);
    coordinator.blobs.set(sha256(blob), new TextEncoder().encode('other'));
    await expect(link.blob(sha256(blob))).rejects.toMatchObject({ code: 'BLOCK_DIGEST_MISMATCH' });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['breaks before the answer', (r) => r.destroy()],
    [
      'breaks in the middle of the answer',
      (r) => r.writeHead(200, { 'content-length': '100' }).write('half', () => r.destroy()),
    ],
    ['answers with the page of a portal', (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['sends the signed request elsewhere', (r) => r.writeHead(307, { location: '/v1/elsewhere' }).end()],
  ])('calls the coordinator unreachable when something %s', async (_, break_) => {
    coordinator.answer = () => break_;
    await expect(link.assignments()).rejects.toMatchObject(unreachable);
    await expect(link.inbox(randomUUID(), 'commit')).rejects.toMatchObject(unreachable);
    await expect(link.report(status)).rejects.toMatchObject(unreachable);
    expect(coordinator.requests.map((r) => r.path)).not.toContain('/v1/elsewhere');
  });

  it('calls it unreachable when nobody listens, or nobody answers in time', async () => {
    const nowhere = new CoordinatorLink(
      `http://127.0.0.1:${await freePort()}`,
      'basel',
      await newSigner(),
      stopping.signal,
    );
    await expect(nowhere.report(status)).rejects.toMatchObject(unreachable);
    const signer = await newSigner();
    coordinator.identityKey = signer.publicKey;
    const impatient = new CoordinatorLink(coordinator.url, 'basel', signer, stopping.signal, 50);
    await expect(impatient.assignments(nothing)).rejects.toMatchObject(unreachable);
  });

  it.each([
    ['3.0', 'node'],
    ['1.4', 'coordinator'],
  ])('names the side to update when the coordinator speaks protocol %s', async (protocol, side) => {
    coordinator.answer = () => ({ protocol, epochs: 'of another form' });
    await expect(link.assignments()).rejects.toMatchObject({
      code: 'PROTOCOL_DIFFERS',
      detail: expect.stringMatching(new RegExp(`: update the ${side}$`)) as string,
    });
  });

  it('names the side to update when a coordinator of protocol 1 calls the request invalid', async () => {
    coordinator.answer = () => {
      throw new CodedError('REQUEST_INVALID', undefined, [
        { path: 'protocol', message: 'this side speaks protocol 1' },
      ]);
    };
    await expect(link.report(status)).rejects.toMatchObject({
      code: 'PROTOCOL_DIFFERS',
      detail: 'the node speaks protocol 2, the coordinator 1: update the coordinator',
    });
  });

  it('refuses an answer that is not what the protocol says', async () => {
    coordinator.answer = () => ({
      protocol: PROTOCOL,
      assignments: [{ kind: 'decrypt', sumId: '../../keys' }],
      epochs: [],
    });
    await expect(link.assignments()).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it.each([
    ['cut short', Uint8Array.of(9, 0, 0, 0, 1), 'REQUEST_INVALID'],
    ['too large', Uint8Array.of(255, 255, 255, 255), 'BODY_TOO_LARGE'],
  ])('names what is wrong with the coordinator’s own inbox: %s', async (_, bytes, code) => {
    coordinator.answer = () => (response: ServerResponse) =>
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes);
    await expect(link.inbox(randomUUID(), 'commit')).rejects.toMatchObject({ code });
  });

  it('lets go of a held question at once when the node stops', async () => {
    const [asked] = await Promise.all([
      link.assignments(nothing).catch((error: unknown) => error),
      vi.waitFor(() => expect(coordinator.held).toBe(1)).then(() => stopping.abort()),
    ]);
    expect(asked).toMatchObject({ name: 'AbortError' });
    await expect(link.report(status)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, PROTOCOL, enrolmentStatement, type Envelope } from '@koinon/contracts';
import { keyFingerprintOf, verifyStatement } from '@koinon/signing';
import { freePort, tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { newSigner } from '../testing/hospitals.js';
import { sha256 } from '../testing/relay.js';
import { enrol, type EnrolmentOptions } from './enrolment.js';
import { writeEnrolment } from './enrolment-file.js';
import { loadSiteKeys } from './site-keys.js';

const TOKEN = 'one-time-token-of-this-site';

const optionsOf = (home: string, coordinatorUrl: string, coordinatorKeyFingerprint: string): EnrolmentOptions => ({
  site: 'cleveland',
  home,
  coordinatorUrl,
  coordinatorKeyFingerprint,
  enrolmentTokenFile: join(home, 'token'),
});

describe('enrolment', () => {
  let coordinator: FakeCoordinator;
  let dir: TempDir;
  let key: string;
  let config: EnrolmentOptions;
  beforeEach(async () => {
    [coordinator, dir] = [await FakeCoordinator.start(), tempDir()];
    key = (await newSigner()).publicKey;
    coordinator.answer = () => ({ protocol: PROTOCOL, site: 'cleveland', coordinatorKey: key });
    config = optionsOf(dir.path, coordinator.url, await keyFingerprintOf(key));
    writeFileSync(join(dir.path, 'token'), `${TOKEN}\n`);
  });
  afterEach(async () => {
    await coordinator[Symbol.asyncDispose]();
    dir[Symbol.dispose]();
  });

  it('registers the public keys once, proved with the token and the key itself', async () => {
    const keys = await loadSiteKeys(dir.path);
    expect(await enrol(config, keys)).toBe(key);
    expect(await enrol(config, await loadSiteKeys(dir.path))).toBe(key);
    expect(coordinator.requests).toHaveLength(1);
    const [{ token, statement }] = coordinator.posted('/v1/enrol') as [{ token: string; statement: Envelope }];
    const signed = await verifyStatement(
      statement,
      enrolmentStatement.type,
      enrolmentStatement.schema,
      keys.signer.publicKey,
    );
    expect(token).toBe(TOKEN);
    expect(signed).toMatchObject({
      site: 'cleveland',
      identityKey: keys.signer.publicKey,
      sealingKey: keys.box.publicKey,
      tokenSha256: sha256(TOKEN),
    });
  });

  it('sends nothing private', async () => {
    await enrol(config, await loadSiteKeys(dir.path));
    const stored = JSON.parse(readFileSync(join(dir.path, 'keys.json'), 'utf8')) as {
      identity: { pkcs8: string };
      sealing: { privateKey: string };
    };
    for (const secret of [stored.identity.pkcs8, stored.sealing.privateKey])
      expect(coordinator.requests[0]!.body.includes(secret)).toBe(false);
  });

  it('trusts only the coordinator of the invitation, also at later starts', async () => {
    const keys = await loadSiteKeys(dir.path);
    const other = optionsOf(dir.path, coordinator.url, 'cd'.repeat(32));
    await expect(enrol(other, keys)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(readdirSync(dir.path)).not.toContain('enrolment.json');
    await enrol(config, keys);
    await expect(enrol(other, keys)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('names the side to update when the coordinator speaks another protocol, and pins nothing', async () => {
    const keys = await loadSiteKeys(dir.path);
    coordinator.answer = () => ({ protocol: '3.0', coordinatorKey: 'of another form' });
    await expect(enrol(config, keys)).rejects.toMatchObject({
      code: 'PROTOCOL_DIFFERS',
      detail: 'the node speaks protocol 2, the coordinator 3: update the node',
    });
    coordinator.answer = () => {
      throw new CodedError('REQUEST_INVALID', undefined, [
        { path: 'protocol', message: 'this side speaks protocol 1' },
      ]);
    };
    await expect(enrol(config, keys)).rejects.toMatchObject({
      code: 'PROTOCOL_DIFFERS',
      detail: expect.stringMatching(/update the coordinator$/) as string,
    });
    expect(readdirSync(dir.path)).not.toContain('enrolment.json');
  });

  it('needs no coordinator once it is done', async () => {
    const keys = await loadSiteKeys(dir.path);
    await enrol(config, keys);
    expect(
      await enrol(
        { ...config, coordinatorUrl: `http://127.0.0.1:${await freePort()}`, enrolmentTokenFile: undefined },
        keys,
      ),
    ).toBe(key);
  });

  it('says what is wrong: no token, a spent one, nobody there, half an answer', async () => {
    const keys = await loadSiteKeys(dir.path);
    await expect(enrol({ ...config, enrolmentTokenFile: undefined }, keys)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining(dir.path),
    });
    await expect(
      enrol({ ...config, coordinatorUrl: `http://127.0.0.1:${await freePort()}` }, keys),
    ).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
    coordinator.answer = () => {
      throw new CodedError('ENROLMENT_TOKEN_INVALID');
    };
    await expect(enrol(config, keys)).rejects.toMatchObject({ code: 'ENROLMENT_TOKEN_INVALID' });
    coordinator.answer = () => (response: import('node:http').ServerResponse) =>
      response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy());
    await expect(enrol(config, keys)).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
    writeFileSync(join(dir.path, 'enrolment.json'), '{');
    await expect(enrol(config, keys)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the keys of a site', () => {
  it('are made once, for this node alone', async () => {
    using dir = tempDir();
    const [one, two] = [await loadSiteKeys(dir.path), await loadSiteKeys(dir.path)];
    expect([two.signer.publicKey, two.box.publicKey]).toEqual([one.signer.publicKey, one.box.publicKey]);
    expect(statSync(join(dir.path, 'keys.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir.path)).toEqual(['keys.json']);
  });

  it('are one pair when two starts race', async () => {
    using dir = tempDir();
    const [one, two] = await Promise.all([loadSiteKeys(dir.path), loadSiteKeys(dir.path)]);
    expect(two.signer.publicKey).toBe(one.signer.publicKey);
  });

  it.each([
    '',
    '{',
    '{}',
    '{"identity":{"publicKey":"AA==","pkcs8":"c2VjcmV0"},"sealing":{"publicKey":"AA==","privateKey":"c2VjcmV0"}}',
  ])('are not made anew, nor quoted, when their file is damaged: %j', async (content) => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'keys.json'), content);
    await expect(loadSiteKeys(dir.path)).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
      message: expect.not.stringContaining('c2VjcmV0'),
    });
    expect(readFileSync(join(dir.path, 'keys.json'), 'utf8')).toBe(content);
  });

  it('are not made anew by a node that has enrolled', async () => {
    using dir = tempDir();
    const { signer } = await loadSiteKeys(dir.path);
    writeEnrolment(dir.path, signer.publicKey);
    rmSync(join(dir.path, 'keys.json'));
    await expect(loadSiteKeys(dir.path)).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
    expect(readdirSync(dir.path)).toEqual(['enrolment.json']);
  });

  it.each([
    ['identity', 'pkcs8'],
    ['identity', 'publicKey'],
    ['sealing', 'privateKey'],
    ['sealing', 'publicKey'],
  ] as const)('are refused when %s.%s is not that of its other half', async (pair, half) => {
    using dir = tempDir();
    using other = tempDir();
    for (const { path } of [dir, other]) await loadSiteKeys(path);
    const [keys, others] = [dir, other].map(
      ({ path }) => JSON.parse(readFileSync(join(path, 'keys.json'), 'utf8')) as Record<string, Record<string, string>>,
    );
    writeFileSync(
      join(dir.path, 'keys.json'),
      JSON.stringify({ ...keys, [pair]: { ...keys![pair], [half]: others![pair]![half] } }),
    );
    await expect(loadSiteKeys(dir.path)).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
  });
});

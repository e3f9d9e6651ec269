import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CodedError } from '@koinon/contracts';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { DiskBlobStore, contentKey, type Admit } from './blob-store.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const coded = (code: string) => expect.objectContaining({ code }) as Error;

/** Every file below a folder, with its bytes. */
function files(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(root, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
}

async function* chunks(...parts: (string | Error)[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield await Promise.resolve(Buffer.from(part));
  }
}

describe('the blob store on disk', () => {
  it('gives back what was put, whole or streamed, for its owner only', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(join(dir.path, 'blobs'));
    const bytes = randomBytes(100_000);
    expect(await store.put('sums/a/result', bytes)).toBe(sha256(bytes));
    const ref = { key: 'sums/a/result', sha256: sha256(bytes) };
    expect(await store.get(ref)).toEqual(bytes);
    expect(await buffer(await store.stream(ref))).toEqual(bytes);
    expect(await store.digest('sums/a/result')).toBe(sha256(bytes));
    expect(await store.has('sums/a/result')).toBe(true);
    expect(await store.has('sums/a/other')).toBe(false);
    expect(statSync(join(dir.path, 'blobs/sums/a/result')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir.path, 'blobs/sums')).mode & 0o777).toBe(0o700);
  });

  it('receives a stream of the stated digest', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const expected = { sha256: sha256(Buffer.from('abcdef')), maxBytes: 6 };
    expect(await store.receive('x', Readable.from(chunks('abc', 'def')), expected)).toEqual({ bytes: 6 });
    expect(files(dir.path)).toEqual({ x: 'abcdef' });
  });

  it.each([
    ['another digest', ['abcdeX'], 'BLOCK_DIGEST_MISMATCH'],
    ['one byte too many', ['abc', 'defg'], 'BODY_TOO_LARGE'],
    ['one byte too few', ['abcde'], 'BLOCK_DIGEST_MISMATCH'],
    ['nothing', [], 'BLOCK_DIGEST_MISMATCH'],
  ])('keeps nothing of %s', async (_, parts, code) => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const expected = { sha256: sha256(Buffer.from('abcdef')), maxBytes: 6 };
    await expect(store.receive('x', Readable.from(chunks(...parts)), expected)).rejects.toThrow(coded(code));
    expect(files(dir.path)).toEqual({});
  });

  it('counts before it hashes: a body of the right digest may still be too large', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    await expect(
      store.receive('x', Readable.from(chunks('abcdef')), { sha256: sha256(Buffer.from('abcdef')), maxBytes: 5 }),
    ).rejects.toThrow(coded('BODY_TOO_LARGE'));
    expect(files(dir.path)).toEqual({});
  });

  it('keeps the bytes it had when a second body is refused or breaks off', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    await store.put('x', Buffer.from('first'));
    const expected = { sha256: sha256(Buffer.from('second')), maxBytes: 100 };
    await expect(store.receive('x', Readable.from(chunks('other')), expected)).rejects.toThrow(
      coded('BLOCK_DIGEST_MISMATCH'),
    );
    await expect(
      store.receive('x', Readable.from(chunks('sec', new Error('the line broke'))), expected),
    ).rejects.toThrow('the line broke');
    expect(files(dir.path)).toEqual({ x: 'first' });
  });

  it('keeps the bytes it had when a body has another length than the one fixed', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    await store.put('x', Buffer.from('first'));
    const short = { sha256: sha256(Buffer.from('abc')), maxBytes: 5, minBytes: 5 };
    await expect(store.receive('x', Readable.from(chunks('abc')), short)).rejects.toThrow(coded('BLOCK_SIZE_INVALID'));
    expect(files(dir.path)).toEqual({ x: 'first' });
  });

  it('keeps what it had, and nothing else, when a whole body is not admitted', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    await store.put('x', Buffer.from('first'));
    const receive = (admit: Admit) =>
      store.receive(
        'x',
        Readable.from(chunks('second')),
        { sha256: sha256(Buffer.from('second')), maxBytes: 6 },
        admit,
      );
    await expect(receive(() => Promise.reject(new CodedError('MESSAGE_CONFLICT')))).rejects.toThrow(
      coded('MESSAGE_CONFLICT'),
    );
    await receive(() => Promise.resolve());
    expect(files(dir.path)).toEqual({ x: 'first' });
    await receive((keep) => keep());
    expect(files(dir.path)).toEqual({ x: 'second' });
  });

  it('shows a reader the old bytes or the new ones, never a mixture', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const versions = Array.from({ length: 4 }, (_, i) => Buffer.alloc(50_000, i + 1));
    await store.put('x', versions[0]!);
    const reads: Promise<string>[] = [];
    await Promise.all(
      versions.map(async (bytes) => {
        await store.put('x', bytes);
        reads.push(store.digest('x'));
      }),
    );
    for (const read of await Promise.all(reads)) expect(versions.map(sha256)).toContain(read);
    expect(Object.keys(files(dir.path))).toEqual(['x']);
  });

  it('does not take a half-written file for a blob', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    mkdirSync(join(dir.path, 'sums'));
    writeFileSync(join(dir.path, 'sums', `a.${'0'.repeat(8)}.part`), 'half');
    expect(await store.has('sums/a')).toBe(false);
    await expect(store.digest('sums/a')).rejects.toThrow(coded('BLOB_MISSING'));
  });

  it.each([
    '../secret',
    'a/../../secret',
    '/etc/passwd',
    'a//b',
    'a/',
    '',
    '.',
    'a/.',
    'A',
    'a.b',
    'a\\b',
    'a\0b',
    'a/%2e%2e/b',
    'a\n',
    '-a',
  ])('has no key %j', async (key) => {
    using dir = tempDir();
    const root = join(dir.path, 'blobs');
    mkdirSync(root);
    writeFileSync(join(dir.path, 'secret'), 'secret');
    const store = new DiskBlobStore(root);
    await expect(store.get({ key, sha256: sha256(Buffer.from('secret')) })).rejects.toThrow(coded('NOT_FOUND'));
    await expect(store.put(key, Buffer.from('x'))).rejects.toThrow(coded('NOT_FOUND'));
    await expect(
      store.receive(key, Readable.from(chunks('x')), { sha256: sha256(Buffer.from('x')), maxBytes: 9 }),
    ).rejects.toThrow(coded('NOT_FOUND'));
    await expect(store.digest(key)).rejects.toThrow(coded('NOT_FOUND'));
    await expect(store.removeBelow(key)).rejects.toThrow(coded('NOT_FOUND'));
    expect(files(root)).toEqual({});
    expect(readFileSync(join(dir.path, 'secret'), 'utf8')).toBe('secret');
    expect(existsSync(join(dir.path, 'secret.part'))).toBe(false);
  });

  it('gives out no byte of a blob that is not what was written, or is gone', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const bytes = randomBytes(70_000);
    const ref = { key: 'x', sha256: await store.put('x', bytes) };
    bytes[69_999]! ^= 1;
    writeFileSync(join(dir.path, 'x'), bytes);
    await expect(store.get(ref)).rejects.toThrow(coded('BLOB_DAMAGED'));
    await expect(store.stream(ref)).rejects.toThrow(coded('BLOB_DAMAGED'));
    await store.removeBelow('x');
    await store.removeBelow('x');
    await expect(store.get(ref)).rejects.toThrow(coded('BLOB_MISSING'));
    await expect(store.stream(ref)).rejects.toThrow(coded('BLOB_MISSING'));
  });

  it('removes what lies below a key and nothing beside it', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    for (const key of ['sums/a/uploads/x/0', 'sums/a/uploads/y/0', 'sums/a/result', 'sums/ab/uploads/x/0'])
      await store.put(key, Buffer.from(key));
    await store.removeBelow('sums/a/uploads');
    expect(Object.keys(files(dir.path)).toSorted()).toEqual(['sums/a/result', 'sums/ab/uploads/x/0']);
  });

  it.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EROFS', 'HOME_NOT_WRITABLE'],
    ['EACCES', 'HOME_NOT_WRITABLE'],
  ])('says what %s means', async (errno, code) => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const refused = Object.assign(new Error(`${errno}: write '${dir.path}'`), { code: errno });
    await expect(
      store.receive('x', Readable.from(chunks('abc', refused)), { sha256: '0'.repeat(64), maxBytes: 9 }),
    ).rejects.toThrow(coded(code));
    expect(files(dir.path)).toEqual({});
  });

  it('names content by its digest', () => {
    expect(contentKey('ab')).toBe('sha256/ab');
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { DiskBlobStore, contentKey } from './blob-store.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const coded = (code: string) => expect.objectContaining({ code }) as Error;

/** Every file below a folder, with its bytes. */
function files(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(root, name)).isFile());
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
    await store.put('sums/a/result', bytes);
    expect(await store.get('sums/a/result')).toEqual(bytes);
    expect(await buffer(store.stream('sums/a/result'))).toEqual(bytes);
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
    await expect(store.receive('x', Readable.from(chunks('abcdef')), { sha256: sha256(Buffer.from('abcdef')), maxBytes: 5 })).rejects.toThrow(coded('BODY_TOO_LARGE'));
    expect(files(dir.path)).toEqual({});
  });

  it('keeps the bytes it had when a second body is refused or breaks off', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    await store.put('x', Buffer.from('first'));
    const expected = { sha256: sha256(Buffer.from('second')), maxBytes: 100 };
    await expect(store.receive('x', Readable.from(chunks('other')), expected)).rejects.toThrow(coded('BLOCK_DIGEST_MISMATCH'));
    await expect(store.receive('x', Readable.from(chunks('sec', new Error('the line broke'))), expected)).rejects.toThrow('the line broke');
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

  it('shows a reader the old bytes or the new ones, never a mixture', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    const versions = Array.from({ length: 4 }, (_, i) => Buffer.alloc(50_000, i + 1));
    await store.put('x', versions[0]!);
    const reads: Promise<Buffer>[] = [];
    await Promise.all(versions.map(async (bytes) => {
      await store.put('x', bytes);
      reads.push(store.get('x'));
    }));
    for (const read of await Promise.all(reads)) expect(versions.some((v) => v.equals(read))).toBe(true);
    expect(Object.keys(files(dir.path))).toEqual(['x']);
  });

  it('does not take a half-written file for a blob', async () => {
    using dir = tempDir();
    const store = new DiskBlobStore(dir.path);
    mkdirSync(join(dir.path, 'sums'));
    writeFileSync(join(dir.path, 'sums', `a.${'0'.repeat(8)}.part`), 'half');
    expect(await store.has('sums/a')).toBe(false);
    await expect(store.get('sums/a')).rejects.toThrow(coded('NOT_FOUND'));
  });

  it.each(['../secret', 'a/../../secret', '/etc/passwd', 'a//b', 'a/', '', '.', 'a/.', 'A', 'a.b', 'a\\b', 'a\0b', 'a/%2e%2e/b', 'a\n', '-a'])('has no key %j', async (key) => {
    using dir = tempDir();
    const root = join(dir.path, 'blobs');
    mkdirSync(root);
    writeFileSync(join(dir.path, 'secret'), 'secret');
    const store = new DiskBlobStore(root);
    await expect(store.get(key)).rejects.toThrow(coded('NOT_FOUND'));
    await expect(store.put(key, Buffer.from('x'))).rejects.toThrow(coded('NOT_FOUND'));
    await expect(store.receive(key, Readable.from(chunks('x')), { sha256: sha256(Buffer.from('x')), maxBytes: 9 })).rejects.toThrow(coded('NOT_FOUND'));
    expect(() => store.stream(key)).toThrow(coded('NOT_FOUND'));
    expect(files(root)).toEqual({});
    expect(readFileSync(join(dir.path, 'secret'), 'utf8')).toBe('secret');
    expect(existsSync(join(dir.path, 'secret.part'))).toBe(false);
  });

  it('names content by its digest', () => {
    expect(contentKey('ab')).toBe('sha256/ab');
  });
});

/** Where the bytes live. Keys are slash-separated names; a put is atomic and overwrites nothing half-way. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@koinon/contracts';
import { rethrowCoded } from './storage-failure.js';

export interface Expected {
  readonly sha256: string;
  readonly maxBytes: number;
  readonly minBytes?: number;
}

/** Where bytes are, and what they must be: nobody reads a blob without knowing its digest from the database or a signature. */
export interface BlobRef {
  readonly key: string;
  readonly sha256: string;
}

/** Decides about bytes that have arrived whole: they replace what the key holds when `keep` is called, and are gone otherwise. */
export type Admit = (keep: () => Promise<void>) => Promise<void>;
const always: Admit = (keep) => keep();

export interface BlobStore {
  /** @returns the digest to read them by */
  put(key: string, bytes: Uint8Array): Promise<string>;
  /** Streams to the store, counting and hashing; keeps the blob only when length and digest match and it is admitted. */
  receive(key: string, source: Readable, expected: Expected, admit?: Admit): Promise<{ bytes: number }>;
  /** @throws CodedError BLOB_MISSING, BLOB_DAMAGED */
  get(ref: BlobRef): Promise<Buffer>;
  /** Reads the blob once to check it and then gives it out. @throws CodedError BLOB_MISSING, BLOB_DAMAGED */
  stream(ref: BlobRef): Promise<Readable>;
  /** The digest of what is stored now. @throws CodedError BLOB_MISSING */
  digest(key: string): Promise<string>;
  has(key: string): Promise<boolean>;
  /** Removes every blob below a key; nothing there is fine. */
  removeBelow(key: string): Promise<void>;
}

export const BLOBS = Symbol('BlobStore');
/** Content-addressed blobs: model files and records schemas. */
export const contentKey = (sha256: string): string => `sha256/${sha256}`;
export const contentRef = (sha256: string): BlobRef => ({ key: contentKey(sha256), sha256 });

/** Stored twice it is the same. @returns the digest to read it by */
export async function putContent(blobs: BlobStore, bytes: Uint8Array): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await blobs.put(contentKey(sha256), bytes);
  return sha256;
}

const KEY = /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/;

export class DiskBlobStore implements BlobStore {
  constructor(private readonly root: string) {}

  async put(key: string, bytes: Uint8Array): Promise<string> {
    await this.write(key, async (temporary) => {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    });
    return createHash('sha256').update(bytes).digest('hex');
  }

  async receive(key: string, source: Readable, expected: Expected, admit = always): Promise<{ bytes: number }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        hash.update(chunk);
        // What is too much is read and dropped: a request that is left half-read would block its connection for the next one.
        if (bytes > expected.maxBytes) done();
        else done(null, chunk);
      },
    });
    await this.write(
      key,
      async (temporary) => {
        await pipeline(source, meter, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }));
        if (bytes > expected.maxBytes) throw new CodedError('BODY_TOO_LARGE');
        if (bytes < (expected.minBytes ?? 0)) throw new CodedError('BLOCK_SIZE_INVALID');
        if (hash.digest('hex') !== expected.sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
      },
      admit,
    );
    return { bytes };
  }

  async get({ key, sha256 }: BlobRef): Promise<Buffer> {
    const bytes = await readFile(this.path(key)).catch(rethrowCoded);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new CodedError('BLOB_DAMAGED');
    return bytes;
  }

  async stream({ key, sha256 }: BlobRef): Promise<Readable> {
    if ((await this.digest(key)) !== sha256) throw new CodedError('BLOB_DAMAGED');
    return createReadStream(this.path(key));
  }

  async digest(key: string): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(this.path(key)), hash).catch(rethrowCoded);
    return hash.digest('hex');
  }

  async has(key: string): Promise<boolean> {
    return stat(this.path(key)).then(
      () => true,
      () => false,
    );
  }

  async removeBelow(key: string): Promise<void> {
    await rm(this.path(key), { recursive: true, force: true });
  }

  private path(key: string): string {
    if (!KEY.test(key)) throw new CodedError('NOT_FOUND');
    return join(this.root, key);
  }

  private async write(key: string, fill: (temporary: string) => Promise<void>, admit = always): Promise<void> {
    const target = this.path(key);
    const temporary = `${target}.${randomUUID()}.part`;
    try {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await fill(temporary);
      await admit(() => rename(temporary, target));
    } catch (error) {
      return rethrowCoded(error);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

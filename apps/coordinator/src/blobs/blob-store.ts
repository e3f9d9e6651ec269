/** Where the bytes live. Keys are slash-separated names; a put is atomic and overwrites nothing half-way. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@koinon/contracts';

export interface Expected {
  readonly sha256: string;
  readonly maxBytes: number;
  readonly minBytes?: number;
}

export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Streams to the store, counting and hashing; keeps the blob only when length and digest match. */
  receive(key: string, source: Readable, expected: Expected): Promise<{ bytes: number }>;
  /** @throws CodedError NOT_FOUND */
  get(key: string): Promise<Buffer>;
  stream(key: string): Readable;
  has(key: string): Promise<boolean>;
}

export const BLOBS = Symbol('BlobStore');
/** Content-addressed blobs: model files and feature schemas. */
export const contentKey = (sha256: string): string => `sha256/${sha256}`;

const KEY = /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/;

export class DiskBlobStore implements BlobStore {
  constructor(private readonly root: string) {}

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.write(key, async (temporary) => {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  async receive(key: string, source: Readable, expected: Expected): Promise<{ bytes: number }> {
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
    await this.write(key, async (temporary) => {
      await pipeline(source, meter, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }));
      if (bytes > expected.maxBytes) throw new CodedError('BODY_TOO_LARGE');
      if (bytes < (expected.minBytes ?? 0)) throw new CodedError('BLOCK_SIZE_INVALID');
      if (hash.digest('hex') !== expected.sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
    });
    return { bytes };
  }

  async get(key: string): Promise<Buffer> {
    return readFile(this.path(key)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new CodedError('NOT_FOUND', 'the bytes are not stored here') : error;
    });
  }

  stream(key: string): Readable {
    return createReadStream(this.path(key));
  }

  async has(key: string): Promise<boolean> {
    return stat(this.path(key)).then(() => true, () => false);
  }

  private path(key: string): string {
    if (!KEY.test(key)) throw new CodedError('NOT_FOUND');
    return join(this.root, key);
  }

  private async write(key: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    const target = this.path(key);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const temporary = `${target}.${randomUUID()}.part`;
    try {
      await fill(temporary);
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

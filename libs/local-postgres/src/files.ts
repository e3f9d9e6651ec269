import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { FolderMode } from './placement.js';

const MAX_KEPT_LOG_BYTES = 1 << 20;

/** Owner and mode of a path, undefined when it does not exist or cannot be looked at. */
export function lookAt(path: string): FolderMode | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : { uid: found.uid, gid: found.gid, mode: found.mode };
}

/** The password of a data directory lives beside it, readable by this process's account alone. */
export function passwordFile(dataDir: string): string {
  return `${dataDir}.password`;
}

export function readPassword(dataDir: string): string | undefined {
  const file = passwordFile(dataDir);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** Makes and stores a new password of 256 bits. */
export function createPassword(dataDir: string): string {
  const password = randomBytes(32).toString('base64url');
  const fresh = `${passwordFile(dataDir)}.new`;
  writeFileSync(fresh, `${password}\n`, { mode: 0o600, flush: true });
  renameSync(fresh, passwordFile(dataDir));
  return password;
}

/** The server's log beside its data directory; it outlives this process, as the server may. */
export class ServerLog {
  readonly descriptor: number;
  private readonly path: string;
  private start: number;

  constructor(dataDir: string) {
    this.path = `${dataDir}.log`;
    this.descriptor = openSync(this.path, 'a', 0o600);
    if (fstatSync(this.descriptor).size > MAX_KEPT_LOG_BYTES) ftruncateSync(this.descriptor);
    this.start = fstatSync(this.descriptor).size;
  }

  /** Forgets what was written so far. */
  mark(): void {
    this.start = fstatSync(this.descriptor).size;
  }

  /** What was written since the last mark. */
  sinceMark(): string {
    const reader = openSync(this.path, 'r');
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(reader).size - this.start));
      const length = readSync(reader, bytes, 0, bytes.length, this.start);
      return bytes.toString('utf8', 0, length);
    } finally {
      closeSync(reader);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

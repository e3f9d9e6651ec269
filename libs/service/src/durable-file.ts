import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CodedError } from '@koinon/contracts';

const UNFINISHED = '.new';
/** Of ours alone: a folder that somebody names as a home may hold other people's files. */
const OUR_UNFINISHED = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new$/;

/** On disk, synced, and whole when the call returns; the old content or the new after a crash, never a mixture. @throws CodedError DISK_FULL */
export function writeDurably(file: string, bytes: Uint8Array | string): void {
  withRoom(() => {
    const temporary = writeTemporary(file, bytes);
    try {
      renameSync(temporary, file);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(file));
  });
}

/** For what is made again after a crash: not synced, and not whole if it fails. @throws CodedError DISK_FULL */
export function writeScratch(file: string, bytes: Uint8Array): void {
  withRoom(() => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, bytes, { mode: 0o600 });
  });
}

/** Like writeDurably, but false when the file is already there: of two writers one wins, also across processes. */
export function createDurably(file: string, bytes: Uint8Array | string): boolean {
  return withRoom(() => {
    const temporary = writeTemporary(file, bytes);
    try {
      linkSync(temporary, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
    syncFolder(dirname(file));
    return true;
  });
}

/**
 * Like writeDurably for what holds secrets: the content before is overwritten once it is replaced, and not left in free
 * blocks. Best effort, as `wipeFile` is: a file system that copies on write, or a disk that levels its wear, keeps old blocks.
 */
export function replaceSecret(file: string, bytes: Uint8Array): void {
  const before = openIfThere(file);
  try {
    writeDurably(file, bytes);
    if (before !== null) overwrite(before);
  } finally {
    if (before !== null) closeSync(before);
  }
}

/** Overwrites a file with zeros, then deletes it. Nothing happens when it is not there: after a crash it is done again. */
export function wipeFile(file: string): void {
  const handle = openIfThere(file);
  if (handle === null) return;
  try {
    overwrite(handle);
  } finally {
    closeSync(handle);
  }
  rmSync(file, { force: true });
  syncFolder(dirname(file));
}

/** `wipeFile` for a file or for everything in a folder. */
export function wipe(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return wipeFile(path);
  for (const name of namesIn(path)) wipe(join(path, name));
  rmSync(path, { recursive: true, force: true });
}

export function readIfThere(file: string): Buffer | null {
  return unlessAbsent(() => readFileSync(file), null);
}

/** Names in a folder; none when it is not there. */
export function namesIn(folder: string): string[] {
  return unlessAbsent(() => readdirSync(folder), []);
}

/** Deletes what writers that were killed left behind, secrets among it. Call before this process writes to the folder. */
export function removeUnfinished(folder: string): void {
  for (const name of namesIn(folder)) if (OUR_UNFINISHED.test(name)) removeTemporary(join(folder, name));
}

/**
 * `createDurably` gives a file its name before it takes the temporary one away: killed in between, it leaves two names of
 * one file, which is finished and must not be overwritten.
 */
function removeTemporary(temporary: string): void {
  const file = temporary.slice(0, temporary.lastIndexOf('.', temporary.length - UNFINISHED.length - 1));
  const taken = temporaryOf(file);
  // Under another name, a writer that is alive can no longer finish it between the question and the overwriting.
  unlessAbsent(() => renameSync(temporary, taken), undefined);
  if (isSameFile(taken, file)) rmSync(taken, { force: true });
  else wipeFile(taken);
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((name) => statSync(name, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function temporaryOf(file: string): string {
  return `${file}.${randomUUID()}${UNFINISHED}`;
}

function openIfThere(file: string): number | null {
  return unlessAbsent(() => openSync(file, 'r+'), null);
}

function overwrite(handle: number): void {
  const zeros = new Uint8Array(fstatSync(handle).size);
  for (let offset = 0; offset < zeros.length;)
    offset += writeSync(handle, zeros, offset, zeros.length - offset, offset);
  fsyncSync(handle);
}

function unlessAbsent<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}

function writeTemporary(file: string, bytes: Uint8Array | string): string {
  makeFolder(dirname(file));
  const temporary = temporaryOf(file);
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    for (let offset = 0; offset < content.length;) offset += writeSync(handle, content, offset);
    fsyncSync(handle);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  return temporary;
}

/** No room: on the disk, in the owner's quota, or under a limit on the size of files. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function withRoom<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw FULL.has((error as NodeJS.ErrnoException).code ?? '') ? new CodedError('DISK_FULL') : error;
  }
}

/** A file is only as durable as the entry of the folder it lies in. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

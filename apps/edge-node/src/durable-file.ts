import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** On disk, synced, and whole when the call returns; the old content or the new after a crash, never a mixture. */
export function writeDurably(file: string, bytes: Uint8Array | string): void {
  const temporary = writeTemporary(file, bytes);
  renameSync(temporary, file);
  syncFolder(file);
}

/** Like writeDurably, but false when the file is already there: of two writers one wins, also across processes. */
export function createDurably(file: string, bytes: Uint8Array | string): boolean {
  const temporary = writeTemporary(file, bytes);
  try {
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary);
  }
  syncFolder(file);
  return true;
}

export function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function writeTemporary(file: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}.new`;
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    for (let offset = 0; offset < content.length; ) offset += writeSync(handle, content, offset);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return temporary;
}

function syncFolder(file: string): void {
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

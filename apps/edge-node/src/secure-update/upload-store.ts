import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writeDurably } from '../durable-file.js';

/** Encrypted uploads, stored whole before the first byte is sent: after a crash the same bytes go out again. */
export class UploadStore {
  constructor(private readonly folder: string) {}

  /** The blocks of an upload that was stored to the end, or null. */
  load(sumId: string): Uint8Array[] | null {
    const count = readIfThere(join(this.folder, sumId, 'complete'));
    if (!count) return null;
    return Array.from({ length: Number(count.toString('utf8')) }, (_, i) => new Uint8Array(readIfThere(this.file(sumId, i))!));
  }

  save(sumId: string, blocks: Iterable<Uint8Array>): Uint8Array[] {
    rmSync(join(this.folder, sumId), { recursive: true, force: true });
    const stored: Uint8Array[] = [];
    for (const block of blocks) {
      writeDurably(this.file(sumId, stored.length), block);
      stored.push(block);
    }
    writeDurably(join(this.folder, sumId, 'complete'), String(stored.length));
    return stored;
  }

  /** Drops every upload but these. */
  keepOnly(sumIds: readonly string[]): void {
    for (const name of folders(this.folder)) if (!sumIds.includes(name)) rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  private file(sumId: string, index: number): string {
    return join(this.folder, sumId, `${index}.block`);
  }
}

function folders(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir extends Disposable {
  readonly path: string;
}

/**
 * A fresh folder that goes with its scope: `using dir = tempDir();`. It can be entered by every account,
 * as a server that root starts under another one needs.
 */
export function tempDir(): TempDir {
  const path = mkdtempSync(join(tmpdir(), 'koinon-'));
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Lineage } from '@koinon/contracts';

/** Which code made a version: the package version and the digest of the lockfile it was installed from, where there is one. */
export function buildIdentity(): Lineage['code'] {
  const root = new URL('../../../../', import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
  return { version, lockfileSha256: lockfileDigest(new URL('package-lock.json', root)) };
}

function lockfileDigest(file: URL): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

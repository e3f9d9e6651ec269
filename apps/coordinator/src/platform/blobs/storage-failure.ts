import { CodedError, type ErrorCode } from '@koinon/contracts';

const codes: Partial<Record<string, ErrorCode>> = {
  ENOENT: 'BLOB_MISSING',
  ENOTDIR: 'BLOB_MISSING',
  EIO: 'BLOB_DAMAGED',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'HOME_NOT_WRITABLE',
  EPERM: 'HOME_NOT_WRITABLE',
  EROFS: 'HOME_NOT_WRITABLE',
};

/** What the file system says, in the catalogue's words. */
export function rethrowCoded(error: unknown): never {
  const code = codes[(error as NodeJS.ErrnoException | null)?.code ?? ''];
  throw code ? new CodedError(code) : error;
}

import type { ErrorCode } from '../errors.js';
import type { Access, Route } from './route.js';

/** Whatever is asked: what failed inside is told as one of these. */
const anywhere: readonly ErrorCode[] = ['REQUEST_INVALID', 'DATABASE_UNREACHABLE', 'INTERNAL'];

const refusals: Record<Access, readonly ErrorCode[]> = {
  anyone: [],
  viewer: ['UNAUTHENTICATED'],
  operator: ['UNAUTHENTICATED', 'FORBIDDEN'],
  site: ['UNAUTHENTICATED', 'SIGNATURE_INVALID', 'PROTOCOL_DIFFERS', 'REQUEST_EXPIRED'],
};

/** Of a route that reads stored bytes, and of one that stores what it is sent. */
export const readFailures: readonly ErrorCode[] = ['BLOB_MISSING', 'BLOB_DAMAGED', 'HOME_NOT_WRITABLE'];
export const writeFailures: readonly ErrorCode[] = [
  'BLOCK_DIGEST_MISMATCH',
  'BLOB_DAMAGED',
  'DISK_FULL',
  'HOME_NOT_WRITABLE',
];

/** Every code that a route may answer with. */
export function errorsOf({ method, access, errors }: Route): ErrorCode[] {
  const tooLarge: ErrorCode[] = method === 'GET' ? [] : ['BODY_TOO_LARGE'];
  return [...new Set([...anywhere, ...tooLarge, ...refusals[access], ...errors])];
}

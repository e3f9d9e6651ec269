import type { Readable } from 'node:stream';
import { CodedError } from '@koinon/contracts';

/** The body of a request that is read as it comes. @throws CodedError REQUEST_INVALID when it was sent as something else */
export function streamed(body: unknown): Readable {
  if (!body || typeof (body as Readable).pipe !== 'function')
    throw new CodedError('REQUEST_INVALID', 'send application/octet-stream');
  return body as Readable;
}

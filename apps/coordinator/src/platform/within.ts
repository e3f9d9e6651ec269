import { CodedError, type ErrorCode } from '@koinon/contracts';

/** @throws CodedError `code` when `work` has not ended after `ms`; it goes on, and nobody waits for it */
export async function within<T>(ms: number, work: Promise<T>, code: ErrorCode): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new CodedError(code)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

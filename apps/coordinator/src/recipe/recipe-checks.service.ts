import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CodedError } from '@koinon/contracts';
import type { CheckReply, CheckedRecipe, Recipe } from './recipe-check.js';

/** The built file, also for tests, which run from `src`. */
const CHILD = fileURLToPath(new URL('../../dist/recipe/recipe-check.child.js', import.meta.url));
const HEAP_MB = 1024;
const TIME_LIMIT_MS = 60_000;

/**
 * Checks recipes outside of the process that answers requests: it takes seconds, and it hands a file from outside to native
 * code. One at a time, so that many starts at once take no more memory than one.
 */
@Injectable()
export class RecipeChecks implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private last: Promise<unknown> = Promise.resolve();

  /** @throws CodedError RUN_CHECK_TIMED_OUT, and what `checkRecipe` throws */
  check(recipe: Recipe, timeLimitMs = TIME_LIMIT_MS): Promise<CheckedRecipe> {
    const next = this.last.then(() => checkInChild(recipe, timeLimitMs, this.stopping.signal));
    this.last = next.catch(() => undefined);
    return next;
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }
}

async function checkInChild(recipe: Recipe, timeLimitMs: number, signal: AbortSignal): Promise<CheckedRecipe> {
  if (signal.aborted) throw new CodedError('INTERNAL');
  const child = fork(CHILD, { serialization: 'advanced', env: {}, execArgv: [`--max-old-space-size=${HEAP_MB}`], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const { promise, resolve, reject } = Promise.withResolvers<CheckedRecipe>();
  const timer = setTimeout(() => reject(new CodedError('RUN_CHECK_TIMED_OUT')), timeLimitMs);
  const stop = (): void => reject(new CodedError('INTERNAL'));
  signal.addEventListener('abort', stop);
  child.on('message', (reply: CheckReply) => ('checked' in reply ? resolve(reply.checked) : reject(new CodedError(reply.code, reply.detail))));
  child.on('error', () => reject(new CodedError('INTERNAL')));
  child.on('exit', () => reject(new CodedError('MODEL_INVALID', 'its check ended before it answered; the model needs too much memory or breaks the runtime')));
  child.send(recipe, (error) => {
    if (error) reject(new CodedError('INTERNAL'));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}

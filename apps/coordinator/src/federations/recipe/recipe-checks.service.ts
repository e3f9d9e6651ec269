import { fileURLToPath } from 'node:url';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CodedError } from '@koinon/contracts';
import { ChildEnded, askChild, type ChildLimits } from '../../platform/children/ask-child.js';
import type { CheckedRecipe, Recipe } from './recipe-check.js';

/** The built file, also for tests, which run from `src`. */
const CHILD = fileURLToPath(new URL('../../../dist/federations/recipe/recipe-check.child.js', import.meta.url));
const LIMITS: ChildLimits = { timeoutMs: 60_000, heapMb: 1024, memoryMb: 2048 };

/**
 * Checks recipes outside of the process that answers requests: it takes seconds, and it hands a file from outside to native
 * code. One at a time, so that many starts at once take no more memory than one.
 */
@Injectable()
export class RecipeChecks implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private last: Promise<unknown> = Promise.resolve();

  /** @throws CodedError RUN_CHECK_TIMED_OUT, RUN_CHECK_MEMORY_EXCEEDED, and what `checkRecipe` throws */
  check(recipe: Recipe, limits: Partial<ChildLimits> = {}): Promise<CheckedRecipe> {
    const next = this.last
      .then(() => askChild<CheckedRecipe>(CHILD, recipe, { ...LIMITS, ...limits }, this.stopping.signal))
      .catch(refuse);
    this.last = next.catch(() => undefined);
    return next;
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof ChildEnded)) throw error;
  switch (error.reason) {
    case 'TIMED_OUT':
      throw new CodedError('RUN_CHECK_TIMED_OUT');
    case 'MEMORY_EXCEEDED':
      throw new CodedError('RUN_CHECK_MEMORY_EXCEEDED');
    case 'CRASHED':
      throw new CodedError(
        'MODEL_INVALID',
        'its check ended before it answered; the model needs too much memory or breaks the runtime',
      );
    case 'STOPPED':
      throw new CodedError('INTERNAL');
  }
}

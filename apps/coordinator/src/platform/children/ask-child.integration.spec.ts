import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { askChild } from './ask-child.js';

const limits = { timeoutMs: 60_000, heapMb: 256, memoryMb: 512 };
const answerOnce = JSON.stringify(
  pathToFileURL(join(import.meta.dirname, '../../../dist/platform/children/answer-once.js')),
);
const contracts = JSON.stringify(import.meta.resolve('@koinon/contracts'));

/** Asks a child of this source. */
async function ask(
  source: string,
  { signal = new AbortController().signal, ...changed }: Partial<typeof limits> & { signal?: AbortSignal } = {},
): Promise<unknown> {
  using dir = tempDir();
  const file = join(dir.path, 'child.mjs');
  writeFileSync(file, source);
  return await askChild(file, { question: 7 }, { ...limits, ...changed }, signal);
}

describe('a process that is asked once', () => {
  it('answers, and with all of a coded error', async () => {
    expect(await ask(`import { answerOnce } from ${answerOnce}; answerOnce(({ question }) => question * 6);`)).toBe(42);
    const refusing = `
      import { CodedError } from ${contracts};
      import { answerOnce } from ${answerOnce};
      answerOnce(() => { throw new CodedError('REQUEST_INVALID', 'why', [{ path: 'spec.rounds', message: 'too many' }]); });`;
    await expect(ask(refusing)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      detail: 'why',
      issues: [{ path: 'spec.rounds', message: 'too many' }],
    });
  });

  it.each<[string, string, Parameters<typeof ask>[1]]>([
    // Outside of the heap, as a native library does it.
    ['MEMORY_EXCEEDED', 'globalThis.hog = []; setInterval(() => hog.push(Buffer.alloc(2 ** 24, 1)), 5)', {}],
    ['TIMED_OUT', 'for (;;);', { timeoutMs: 1 }],
    ['STOPPED', 'for (;;);', { signal: AbortSignal.abort() }],
    ['CRASHED', 'process.abort()', {}],
  ])('that does not is %s', async (reason, source, options) => {
    await expect(ask(source, options)).rejects.toMatchObject({ name: 'ChildEnded', reason });
  });
});

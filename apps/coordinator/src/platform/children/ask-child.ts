import { fork } from 'node:child_process';
import { CodedError, fromWire, type Problem } from '@koinon/contracts';
import { watchMemory } from '@koinon/onnx';

export interface ChildLimits {
  readonly timeoutMs: number;
  /** Of V8's heap. */
  readonly heapMb: number;
  /** Of the whole process, native code included. */
  readonly memoryMb: number;
}

/** What a child sends, once. */
export type Reply<Answer> = { readonly answer: Answer } | { readonly failure: Problem };

/** A child that did not answer. */
export class ChildEnded extends Error {
  constructor(readonly reason: 'TIMED_OUT' | 'MEMORY_EXCEEDED' | 'STOPPED' | 'CRASHED') {
    super(`the child process gave no answer: ${reason}`);
    this.name = 'ChildEnded';
  }
}

/**
 * Asks a process made for this one question, which gets no environment and no open handles and is gone afterwards.
 * @param file built, and calls `answerOnce`
 * @throws ChildEnded, and the CodedError that the child answers with
 */
export async function askChild<Answer>(
  file: string,
  question: object,
  limits: ChildLimits,
  signal: AbortSignal,
): Promise<Answer> {
  if (signal.aborted) throw new ChildEnded('STOPPED');
  const child = fork(file, {
    serialization: 'advanced',
    env: {},
    execArgv: [`--max-old-space-size=${limits.heapMb}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const end = (reason: ChildEnded['reason']) => (): void => reject(new ChildEnded(reason));
  const stop = end('STOPPED');
  signal.addEventListener('abort', stop);
  const timer = setTimeout(end('TIMED_OUT'), limits.timeoutMs);
  const unwatch = watchMemory(child, limits.memoryMb, end('MEMORY_EXCEEDED'));
  child.on('message', (reply: Reply<Answer>) =>
    'answer' in reply ? resolve(reply.answer) : reject(fromWire(reply.failure) ?? new CodedError('INTERNAL')),
  );
  child.on('error', end('CRASHED'));
  child.on('exit', end('CRASHED'));
  child.send(question, (error) => {
    if (error) reject(new ChildEnded('CRASHED'));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    unwatch();
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}

import { failureOf } from './process-failure.js';

/**
 * Runs a process of ours: reports readiness to a parent over IPC, ends on SIGTERM, SIGINT or when the
 * parent is gone, and turns a coded failure into one line and an exit code.
 */
export async function runProcess(
  start: () => Promise<{ ready: Record<string, unknown>; stop: () => Promise<void> }>,
): Promise<void> {
  try {
    const { ready, stop } = await start();
    let stopping = false;
    const end = () => {
      if (stopping) return;
      stopping = true;
      stop().then(() => process.exit(0), fail);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
    process.on('disconnect', end);
    process.send?.({ ready });
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  const { line, exitCode } = failureOf(error);
  process.stderr.write(`${line}\n`);
  process.exit(exitCode);
}

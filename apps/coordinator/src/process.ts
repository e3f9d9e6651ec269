import { CodedError } from '@koinon/contracts';

/** Exit code of every expected failure; the code itself is on stderr as one JSON line. */
const EXPECTED_FAILURE = 2;

/**
 * Runs a process of ours: reports readiness to a parent over IPC, ends on SIGTERM, SIGINT or when the
 * parent is gone, and turns a coded failure into one line and an exit code.
 */
export async function runProcess(start: () => Promise<{ ready: Record<string, unknown>; stop: () => Promise<void> }>): Promise<void> {
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
  const coded = error instanceof CodedError ? error : listenError(error);
  process.stderr.write(`${JSON.stringify(coded ? { code: coded.code, message: coded.message } : { code: 'INTERNAL', message: String(error) })}\n`);
  process.exit(coded ? EXPECTED_FAILURE : 1);
}

function listenError(error: unknown): CodedError | null {
  const { code, port } = error as { code?: string; port?: number };
  return code === 'EADDRINUSE' ? new CodedError('PORT_IN_USE', `port ${port ?? '?'}`) : null;
}

/** Follows the coordinator's event stream for as long as the page is open. */
import { CodedError, eventSchema, type KoinonEvent } from '@koinon/contracts';

export type LiveState = 'connecting' | 'live' | 'reconnecting';

export interface Follower {
  readonly open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  readonly onEvent: (event: KoinonEvent) => void;
  readonly onState: (state: LiveState) => void;
  /** Waits before the next attempt; ends early when aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Reconnects until aborted, or until the coordinator no longer takes the token. */
export async function follow({ open, onEvent, onState, pause }: Follower, signal: AbortSignal): Promise<void> {
  onState('connecting');
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const stream = await open(signal);
      failures = 0;
      onState('live');
      await readEvents(stream, onEvent);
    } catch (error) {
      if (isRefusal(error)) return;
    }
    if (signal.aborted) return;
    onState('reconnecting');
    await pause(backoffMs(failures), signal);
  }
}

/** Doubling from half a second to 15 seconds. */
export function backoffMs(failures: number): number {
  return Math.min(15_000, 500 * 2 ** Math.min(failures, 10));
}

/** The token is not, or no longer, one the coordinator takes. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'UNAUTHENTICATED';
}

/**
 * Reads a text/event-stream (HTML standard, section 9.2.6) to its end. Only `data` lines matter here. Events this
 * version does not know are left out, so that a newer coordinator does not break an open page.
 */
export async function readEvents(
  stream: ReadableStream<Uint8Array>,
  onEvent: (event: KoinonEvent) => void,
): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      if (line !== '' || data.length === 0) continue;
      const event = eventOf(data.join('\n'));
      data = [];
      if (event) onEvent(event);
    }
  }
}

function eventOf(text: string): KoinonEvent | undefined {
  try {
    return eventSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

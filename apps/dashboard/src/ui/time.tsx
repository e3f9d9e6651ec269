import { useSyncExternalStore } from 'react';
import { formatAgo, formatDuration } from './format.js';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(() => {
      now = Date.now();
      for (const each of listeners) each();
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Milliseconds since 1970, by the second: one clock for the page, which runs only while something shows time. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** A moment relative to now, with the absolute time in the title. */
export function Ago({ at }: { at: string }) {
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={absolute(ms)}>
      {formatAgo(ms, Math.max(useNow(), ms))}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Duration({ startedAt, finishedAt }: { startedAt: string; finishedAt: string | null }) {
  const clock = useNow();
  const start = Date.parse(startedAt);
  const end = finishedAt ? Date.parse(finishedAt) : clock;
  return (
    <span title={`${absolute(start)} – ${finishedAt ? absolute(end) : 'now'}`}>{formatDuration(end - start)}</span>
  );
}

function absolute(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/**
 * Every connection of ours. A server that vanished without a word is noticed and what waited for it is answered: without a delay
 * of its own the operating system's two hours count. A transaction that its process left open holds its locks for a minute at most.
 */
export const CONNECTION = {
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  idle_in_transaction_session_timeout: 60_000,
} as const;

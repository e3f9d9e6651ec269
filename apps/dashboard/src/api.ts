/** The browser's side of the coordinator's API: the client and the views kept live. */
import { createContext, use, useSyncExternalStore } from 'react';
import { KoinonClient } from '@koinon/client';
import { follow, isRefusal, type LiveState } from './live.js';
import { Store } from './store.js';
import type { View, ViewState } from './view.js';
import { Views } from './views.js';

export interface Session {
  readonly views: Views;
  readonly live: Store<LiveState>;
  /** Follows the event stream until the returned function is called. */
  readonly start: () => () => void;
}

/** @param onRefused the coordinator does not take the token */
export function startSession(token: string, onRefused: () => void): Session {
  const client = new KoinonClient(location.origin, token);
  const views = new Views(client, (error) => isRefusal(error) && onRefused());
  const live = new Store<LiveState>('connecting');
  const start = () => {
    const stop = new AbortController();
    void follow(
      {
        open: (signal) => client.events(signal),
        onEvent: (event) => views.touch(event),
        onState: (state) => {
          live.set(state);
          if (state === 'live') views.touchAll();
        },
        pause,
      },
      stop.signal,
    );
    return () => stop.abort();
  };
  return { views, live, start };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    // A machine that comes back online should not wait for the rest of a long pause.
    const options = { once: true, signal };
    window.addEventListener('online', () => (clearTimeout(timer), resolve()), options);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('rendered outside of a session');
  return session;
}

export function useStore<S>(store: Pick<Store<S>, 'get' | 'subscribe'>): S {
  return useSyncExternalStore(store.subscribe, store.get);
}

export function useView<T>(view: View<T>): ViewState<T> {
  return useStore(view);
}

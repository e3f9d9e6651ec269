/**
 * One view of the coordinator's API, kept while the page lives. Invariant: at most one request is under way,
 * and a change reported meanwhile leads to exactly one more, so that a burst of events costs two requests.
 */
import { Store } from './store.js';

export interface ViewState<T> {
  readonly data: T | undefined;
  /** The last failure; `data` then is the last good answer. */
  readonly error: unknown;
  readonly loading: boolean;
}

/** @param part the id of the one item that changed, or null for the whole view */
export type Loader<T> = (part: string | null, current: T | undefined) => Promise<T>;

export class View<T> {
  private readonly state = new Store<ViewState<T>>({ data: undefined, error: undefined, loading: true });
  private stale = true;
  private busy = false;
  private next: { part: string | null } | undefined;

  constructor(
    private readonly load: Loader<T>,
    private readonly onError: (error: unknown) => void,
  ) {}

  readonly get = (): ViewState<T> => this.state.get();

  readonly subscribe = (listener: () => void): (() => void) => {
    const stop = this.state.subscribe(listener);
    if (this.stale) void this.refresh();
    return stop;
  };

  /** Loads again if somebody looks; otherwise the next one who looks does. */
  touch(part: string | null = null): void {
    this.stale = true;
    if (this.state.observed) void this.refresh(part);
  }

  readonly refresh = async (part: string | null = null): Promise<void> => {
    if (this.busy) {
      this.next = { part: this.next === undefined || this.next.part === part ? part : null };
      return;
    }
    this.busy = true;
    this.stale = false;
    const before = this.get();
    this.state.set({ ...before, loading: true });
    try {
      this.state.set({ data: await this.load(part, before.data), error: undefined, loading: false });
    } catch (error) {
      this.stale = true;
      this.state.set({ ...before, error, loading: false });
      this.onError(error);
    }
    this.busy = false;
    const next = this.next;
    this.next = undefined;
    if (next) await this.refresh(next.part);
  };
}

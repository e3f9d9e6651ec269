/**
 * Who was late while nobody could answer was not late. All times are the database's: its clock is the one that
 * every process of the coordinator shares, and a machine that slept finds out from it how long.
 */

/** As the value of a column: the moment at which the database writes it. */
export const CLOCK = (): string => 'clock_timestamp()';

/** A silence longer than this is a pause: a process was stopped, restarted or cut off, or its machine slept. */
export const PAUSE_MS = 5_000;
/** How often one step gets its full time again: somebody who keeps stopping the coordinator cannot keep a run for ever. */
export const MOST_EXTENSIONS = 3;

export interface Pulse {
  readonly now: Date;
  /** A process of the coordinator has been silent for longer than a pause: nobody is late before it speaks again. */
  readonly silent: boolean;
}

/** Something that waits for sites until a deadline. */
export interface Pending {
  readonly deadlineAt: Date;
  readonly extensions: number;
}

export const isLate = ({ deadlineAt }: Pick<Pending, 'deadlineAt'>, { now, silent }: Pulse): boolean =>
  !silent && deadlineAt.getTime() <= now.getTime();

/** What waits gets after a pause: its full time, so that sites which paused too may come back; null where it has had that often enough. */
export function afterPause({ extensions }: Pending, fullMs: number, silenceMs: number, now: Date): Pending | null {
  if (silenceMs <= PAUSE_MS || extensions >= MOST_EXTENSIONS) return null;
  return { deadlineAt: new Date(now.getTime() + fullMs), extensions: extensions + 1 };
}

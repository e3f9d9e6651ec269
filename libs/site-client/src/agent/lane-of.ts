import type { Assignment } from '@koinon/contracts';

/**
 * What goes on at once. Within a lane one thing follows the other: trainings, of whichever federation, share the memory that the
 * site allows one of them. No file is written by two lanes but a key epoch's, which `KeyEpochStore.inTurn` keeps in order.
 */
export const LANES = ['keys', 'training', 'releases'] as const;
export type LaneName = (typeof LANES)[number];

export function laneOf({ kind }: Assignment): LaneName {
  switch (kind) {
    case 'ceremony':
    case 'decrypt':
      return 'keys';
    case 'task':
      return 'training';
    case 'release':
      return 'releases';
  }
}

/** Two assignments of one id ask for one answer. */
export function idOf(assignment: Assignment): string {
  switch (assignment.kind) {
    case 'ceremony':
      return `ceremony ${assignment.keyEpochId} ${assignment.step}`;
    case 'decrypt':
    case 'task':
      return `${assignment.kind} ${assignment.sumId}`;
    case 'release':
      return `release ${assignment.model} ${assignment.release.payload}`;
  }
}

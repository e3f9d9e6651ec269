/** Whether a site is heard from. Pure. */
import type { SiteView } from '@koinon/contracts';

/** Nodes ask for assignments every few seconds; a minute without a word is worth a look. */
export const QUIET_AFTER_MS = 60_000;

/** From here on a difference between the clocks makes a site refuse what is signed, or be refused. */
const CLOCK_MATTERS_MS = 30_000;

/** What is wrong with the site's clock against the coordinator's; null when nothing is. */
export function clockTrouble(clockAheadMs: number | undefined): string | null {
  if (clockAheadMs === undefined || Math.abs(clockAheadMs) < CLOCK_MATTERS_MS) return null;
  return `clock ${Math.round(Math.abs(clockAheadMs) / 1000)} s ${clockAheadMs > 0 ? 'ahead' : 'behind'}`;
}

export type Presence = 'invited' | 'online' | 'quiet';

export function presenceOf(site: Pick<SiteView, 'state' | 'lastSeenAt'>, now: number): Presence {
  if (site.state === 'invited') return 'invited';
  const heard = site.lastSeenAt !== null && now - Date.parse(site.lastSeenAt) < QUIET_AFTER_MS;
  return heard ? 'online' : 'quiet';
}

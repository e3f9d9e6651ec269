/** Whether a site is heard from. Pure. */
import type { SiteView } from '@koinon/contracts';

/** Nodes ask for assignments every few seconds; a minute without a word is worth a look. */
export const quietAfterMs = 60_000;

export type Presence = 'invited' | 'online' | 'quiet';

export function presenceOf(site: Pick<SiteView, 'state' | 'lastSeenAt'>, now: number): Presence {
  if (site.state === 'invited') return 'invited';
  const heard = site.lastSeenAt !== null && now - Date.parse(site.lastSeenAt) < quietAfterMs;
  return heard ? 'online' : 'quiet';
}

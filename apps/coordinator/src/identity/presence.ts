import type { EntityManager } from 'typeorm';
import { SiteRow } from './identity.entities.js';

/** A node asks for its assignments at least twice in this time. */
const AWAY_AFTER_MS = 60_000;

export const isAway = ({ lastSeenAt }: SiteRow, now: Date): boolean =>
  now.getTime() - (lastSeenAt?.getTime() ?? 0) > AWAY_AFTER_MS;

/** The enrolled sites whose nodes say that they take all of these tasks. */
export const sitesOffering = async (
  m: EntityManager,
  tasks: readonly { readonly task: string }[],
): Promise<SiteRow[]> =>
  (await m.findBy(SiteRow, { state: 'enrolled' })).filter(({ offers }) =>
    tasks.every(({ task }) => offers.includes(task)),
  );

/** A node says with each report what it takes: a newer version may take more. */
export async function recordOffers(m: EntityManager, site: SiteRow, offers: readonly string[]): Promise<void> {
  if (site.offers.join() !== offers.join()) await m.update(SiteRow, { id: site.id }, { offers: [...offers] });
}

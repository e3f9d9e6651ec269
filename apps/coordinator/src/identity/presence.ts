import type { EntityManager } from 'typeorm';
import { SiteRow } from './identity.entities.js';

/** A node asks for its assignments at least twice in this time. */
const AWAY_AFTER_MS = 60_000;

export const isAway = ({ lastSeenAt }: SiteRow, now: Date): boolean =>
  now.getTime() - (lastSeenAt?.getTime() ?? 0) > AWAY_AFTER_MS;

export const enrolledSites = (m: EntityManager): Promise<SiteRow[]> => m.findBy(SiteRow, { state: 'enrolled' });

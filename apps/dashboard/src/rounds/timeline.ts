/** A round's states laid out in time. Pure, so that the page only draws. */
import type { RoundPhase, RoundView } from '@koinon/contracts';

/** The states in which a round works, in order; `done` and `failed` end it. */
export const phaseNames = [
  'planned',
  'collecting',
  'freezing',
  'aggregating',
  'decrypting',
  'updating',
  'evaluating',
] as const;
export type PhaseName = (typeof phaseNames)[number];

export const phaseHints: Record<PhaseName, string> = {
  planned: 'cohort chosen, keys agreed',
  collecting: 'sites train, encrypt, upload',
  freezing: 'uploads frozen',
  aggregating: 'ciphertexts added',
  decrypting: 'decryptors check and send their shares',
  updating: 'server update, new version',
  evaluating: 'counts summed under encryption',
};

export interface Phase {
  readonly name: PhaseName;
  readonly status: 'past' | 'now' | 'failed' | 'ahead';
  /** Milliseconds spent so far; null while the state is ahead. */
  readonly durationMs: number | null;
}

/** @param now milliseconds since 1970, the end of a state that still lasts */
export function phasesOf(round: Pick<RoundView, 'state' | 'timeline' | 'finishedAt'>, now: number): Phase[] {
  const entries = [...round.timeline].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const last = entries.findLast((e) => isPhase(e.state))?.state;
  const spent = new Map<RoundPhase, number>();
  entries.forEach(({ state, at }, i) => {
    const end = entries[i + 1]?.at ?? round.finishedAt;
    const ms = (end ? Date.parse(end) : now) - Date.parse(at);
    spent.set(state, (spent.get(state) ?? 0) + Math.max(0, ms));
  });
  return phaseNames.map((name) => {
    const durationMs = spent.get(name) ?? null;
    if (name === last && round.state === 'failed') return { name, status: 'failed', durationMs };
    if (name === round.state) return { name, status: 'now', durationMs };
    return { name, status: durationMs === null ? 'ahead' : 'past', durationMs };
  });
}

export function isPhase(state: RoundPhase): state is PhaseName {
  return (phaseNames as readonly string[]).includes(state);
}

export function isOver(round: Pick<RoundView, 'state'>): boolean {
  return round.state === 'done' || round.state === 'failed';
}

/** From start to end, or until now. */
export function durationMs(
  item: { readonly startedAt: string; readonly finishedAt: string | null },
  now: number,
): number {
  return Math.max(0, (item.finishedAt ? Date.parse(item.finishedAt) : now) - Date.parse(item.startedAt));
}

export type SiteRole = 'delivered' | 'excluded' | 'awaited';

/** What each site of the cohort did in the round; `code` says why one was excluded. */
export function rolesOf(round: Pick<RoundView, 'state' | 'cohort' | 'participants' | 'exclusions' | 'decryptors'>) {
  const sites = [...new Set([...round.cohort, ...round.participants, ...round.exclusions.map((e) => e.site)])];
  return sites.map((site) => {
    const code = round.exclusions.find((e) => e.site === site)?.code ?? null;
    const role: SiteRole = code ? 'excluded' : round.participants.includes(site) ? 'delivered' : 'awaited';
    return { site, role, code, decrypts: round.decryptors.includes(site) };
  });
}

import { join } from 'node:path';
import { CodedError, type RosterEntry } from '@koinon/contracts';
import { readIfThere, writeDurably } from '../durable-file.js';

/**
 * The keys of the other sites as this node first saw them. The relay cannot swap a site's keys later;
 * the fingerprint is there for people to compare.
 */
export class RosterPins {
  private pins: Record<string, RosterEntry>;

  constructor(private readonly home: string) {
    this.pins = JSON.parse(readIfThere(this.file)?.toString('utf8') ?? '{}') as Record<string, RosterEntry>;
  }

  /** @throws CodedError ROSTER_CHANGED naming the site */
  check(roster: readonly RosterEntry[], self: RosterEntry): void {
    const own = roster.find((entry) => entry.site === self.site);
    if (!own || !same(own, self)) throw new CodedError('ROSTER_CHANGED', self.site);
    const changed = roster.find((entry) => this.pins[entry.site] && !same(this.pins[entry.site]!, entry));
    if (changed) throw new CodedError('ROSTER_CHANGED', changed.site);
    const unknown = roster.filter((entry) => !this.pins[entry.site]);
    if (unknown.length === 0) return;
    this.pins = { ...this.pins, ...Object.fromEntries(unknown.map((entry) => [entry.site, entry])) };
    writeDurably(this.file, JSON.stringify(this.pins, null, 1));
  }

  private get file(): string {
    return join(this.home, 'roster.json');
  }
}

const same = (a: RosterEntry, b: RosterEntry): boolean => a.identityKey === b.identityKey && a.sealingKey === b.sealingKey;

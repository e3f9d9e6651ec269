import { createHash } from 'node:crypto';
import { CodedError, type RosterEntry } from '@koinon/contracts';
import { canonicalBytes } from '@koinon/signing';
import { readPins, writePins } from './roster-pins-file.js';

type Pins = ReadonlyMap<string, RosterEntry>;

/**
 * The keys of the other sites as this node first saw them. The relay cannot swap a site's keys later; a site it adds
 * changes the fingerprint, which is there for people to compare.
 */
export class RosterPins {
  private pins: Pins;

  /** @param onChange told of sites that were not pinned before, and of the new fingerprint. @throws CodedError CONFIG_INVALID */
  constructor(
    private readonly home: string,
    private readonly onChange: (added: readonly string[], fingerprint: string) => void = () => undefined,
  ) {
    this.pins = readPins(this.home);
  }

  /** SHA-256 over all pinned entries in the order of their names; equal at every node that saw the same sites. */
  get fingerprint(): string {
    const entries = [...this.pins.values()].toSorted((a, b) => (a.site < b.site ? -1 : 1));
    return createHash('sha256').update(canonicalBytes(entries)).digest('hex');
  }

  /** Pins what is new, or refuses the whole roster. @throws CodedError ROSTER_CHANGED naming the site */
  check(roster: readonly RosterEntry[], self: RosterEntry): void {
    const pinned = pinnedWith(this.pins, roster, self);
    if (pinned.size === this.pins.size) return;
    const added = [...pinned.keys()].filter((site) => !this.pins.has(site));
    writePins(this.home, [...pinned.values()]);
    this.pins = pinned;
    this.onChange(added, this.fingerprint);
  }
}

/** The pins after a roster that keeps to them. @throws CodedError ROSTER_CHANGED naming the site */
function pinnedWith(pins: Pins, roster: readonly RosterEntry[], self: RosterEntry): Pins {
  const own = roster.find((entry) => entry.site === self.site);
  if (!own || !same(own, self)) throw new CodedError('ROSTER_CHANGED', self.site);
  // One key under two names would hold two shares.
  const keys = roster.flatMap((entry) => [entry.identityKey, entry.sealingKey]);
  const twice = roster.find(
    ({ identityKey, sealingKey }, i) => keys.indexOf(identityKey) < 2 * i || keys.indexOf(sealingKey) < 2 * i,
  );
  if (twice) throw new CodedError('ROSTER_CHANGED', twice.site);
  const pinned = new Map(pins);
  for (const entry of roster) {
    const known = pinned.get(entry.site);
    if (known && !same(known, entry)) throw new CodedError('ROSTER_CHANGED', entry.site);
    pinned.set(entry.site, entry);
  }
  return pinned;
}

const same = (a: RosterEntry, b: RosterEntry): boolean =>
  a.identityKey === b.identityKey && a.sealingKey === b.sealingKey;

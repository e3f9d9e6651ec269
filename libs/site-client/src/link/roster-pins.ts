import { join } from 'node:path';
import { CodedError, rosterEntrySchema, type RosterEntry } from '@koinon/contracts';
import { canonicalBytes } from '@koinon/signing';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { checkDigest, withDigest, readIfThere, writeDurably } from '@koinon/service';

const fileSchema = z.strictObject({ version: z.literal(2), sites: z.array(rosterEntrySchema) });
/** Without a digest: carried over when it is read. */
const firstSchema = z.record(z.string(), rosterEntrySchema);

/**
 * The keys of the other sites as this node first saw them. The relay cannot swap a site's keys later; a site it adds
 * changes the fingerprint, which is there for people to compare.
 */
export class RosterPins {
  private pins: ReadonlyMap<string, RosterEntry>;

  /** @param onChange told of sites that were not pinned before, and of the new fingerprint. @throws CodedError CONFIG_INVALID */
  constructor(
    private readonly home: string,
    private readonly onChange: (added: readonly string[], fingerprint: string) => void = () => undefined,
  ) {
    this.pins = readPins(this.file);
  }

  /** SHA-256 over all pinned entries in the order of their names; equal at every node that saw the same sites. */
  get fingerprint(): string {
    const entries = [...this.pins.values()].toSorted((a, b) => (a.site < b.site ? -1 : 1));
    return createHash('sha256').update(canonicalBytes(entries)).digest('hex');
  }

  /** @throws CodedError ROSTER_CHANGED naming the site */
  check(roster: readonly RosterEntry[], self: RosterEntry): void {
    const own = roster.find((entry) => entry.site === self.site);
    if (!own || !same(own, self)) throw new CodedError('ROSTER_CHANGED', self.site);
    // One key under two names would hold two shares.
    const keys = roster.flatMap((entry) => [entry.identityKey, entry.sealingKey]);
    const twice = roster.find(
      ({ identityKey, sealingKey }, i) => keys.indexOf(identityKey) < 2 * i || keys.indexOf(sealingKey) < 2 * i,
    );
    if (twice) throw new CodedError('ROSTER_CHANGED', twice.site);
    const pinned = new Map(this.pins);
    for (const entry of roster) {
      const known = pinned.get(entry.site);
      if (known && !same(known, entry)) throw new CodedError('ROSTER_CHANGED', entry.site);
      pinned.set(entry.site, entry);
    }
    if (pinned.size === this.pins.size) return;
    const added = [...pinned.keys()].filter((site) => !this.pins.has(site));
    writePins(this.file, [...pinned.values()]);
    this.pins = pinned;
    this.onChange(added, this.fingerprint);
  }

  private get file(): string {
    return join(this.home, 'roster.json');
  }
}

const writePins = (file: string, sites: readonly RosterEntry[]): void =>
  writeDurably(file, withDigest({ version: 2, sites }));

function readPins(file: string): Map<string, RosterEntry> {
  const stored = readIfThere(file);
  if (!stored) return new Map();
  try {
    const text = stored.toString('utf8');
    const first = firstSchema.safeParse(JSON.parse(text)).data;
    const sites = first ? Object.values(first) : fileSchema.parse(checkDigest(text)).sites;
    if (first) writePins(file, sites);
    return new Map(sites.map((entry) => [entry.site, entry]));
  } catch {
    // Forgotten pins would trust whatever keys come next.
    throw new CodedError('CONFIG_INVALID', 'roster.json is damaged; restore it from a backup');
  }
}

const same = (a: RosterEntry, b: RosterEntry): boolean =>
  a.identityKey === b.identityKey && a.sealingKey === b.sealingKey;

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RosterEntry } from '@koinon/contracts';
import { bitStep, tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { RosterPins } from './roster-pins.js';

const key = (letter: string): string => `${letter.repeat(43)}=`;
const entry = (site: string, letter: string): RosterEntry => ({
  site,
  identityKey: key(letter),
  sealingKey: key(letter.toLowerCase()),
});
const [basel, cleveland, hungary] = [entry('basel', 'A'), entry('cleveland', 'B'), entry('hungary', 'C')];
const outcomeOf = (act: () => string): string => {
  try {
    return act();
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const changed = (site: string) => expect.objectContaining({ code: 'ROSTER_CHANGED', detail: site }) as Error;

describe('pinned keys', () => {
  it('are taken the first time and held against every roster after, also after a restart', () => {
    using dir = tempDir();
    new RosterPins(dir.path).check([basel, cleveland], basel);
    const pins = new RosterPins(dir.path);
    pins.check([cleveland, basel], basel);
    for (const field of ['identityKey', 'sealingKey'] as const) {
      expect(() => pins.check([basel, { ...cleveland, [field]: key('X') }], basel)).toThrow(changed('cleveland'));
    }
  });

  it('refuse a roster with other keys of this site, or without it', () => {
    using dir = tempDir();
    const pins = new RosterPins(dir.path);
    expect(() => pins.check([{ ...basel, sealingKey: key('X') }, cleveland], basel)).toThrow(changed('basel'));
    expect(() => pins.check([cleveland, hungary], basel)).toThrow(changed('basel'));
    pins.check([basel, { ...cleveland, sealingKey: key('Y') }], basel);
  });

  it('learn nothing from a roster they refuse, nor from one that lists a site with two keys', () => {
    using dir = tempDir();
    const pins = new RosterPins(dir.path);
    pins.check([basel, cleveland], basel);
    expect(() => pins.check([basel, { ...cleveland, identityKey: key('X') }, hungary], basel)).toThrow(
      changed('cleveland'),
    );
    expect(() => pins.check([basel, hungary, { ...hungary, identityKey: key('X') }], basel)).toThrow(
      changed('hungary'),
    );
    pins.check([basel, { ...hungary, identityKey: key('Z') }], basel);
  });

  it('refuse a roster in which one key stands under two names', () => {
    using dir = tempDir();
    const pins = new RosterPins(dir.path);
    for (const twin of [
      { ...hungary, identityKey: cleveland.identityKey },
      { ...hungary, sealingKey: cleveland.sealingKey },
      { ...hungary, sealingKey: basel.sealingKey },
    ]) {
      expect(() => pins.check([basel, cleveland, twin], basel)).toThrow(changed('hungary'));
    }
    pins.check([basel, cleveland, hungary], basel);
  });

  it('tell people of every site that is new, with a fingerprint all nodes share', () => {
    using one = tempDir();
    using two = tempDir();
    const told: [readonly string[], string][] = [];
    const pins = new RosterPins(one.path, (...change) => told.push(change));
    pins.check([basel, cleveland], basel);
    pins.check([cleveland, basel], basel);
    pins.check([basel, cleveland, hungary], basel);
    expect(told.map(([added]) => added)).toEqual([['basel', 'cleveland'], ['hungary']]);
    expect(new Set(told.map(([, fingerprint]) => fingerprint)).size).toBe(2);
    const other = new RosterPins(two.path);
    other.check([hungary, cleveland, basel], cleveland);
    expect(other.fingerprint).toBe(pins.fingerprint);
    expect(new RosterPins(one.path).fingerprint).toBe(pins.fingerprint);
  });

  it('take a site that is called like something every object has', () => {
    using dir = tempDir();
    const odd = entry('constructor', 'D');
    new RosterPins(dir.path).check([basel, odd], basel);
    new RosterPins(dir.path).check([basel, odd], basel);
    expect(() => new RosterPins(dir.path).check([basel, { ...odd, identityKey: key('X') }], basel)).toThrow(
      changed('constructor'),
    );
  });

  it.each(['', '[]', '{"basel":{}}', '{"basel"'])('are not forgotten when their file is damaged: %j', (content) => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'roster.json'), content);
    expect(() => new RosterPins(dir.path)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('of a file of before are carried over', () => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'roster.json'), JSON.stringify({ basel, cleveland }));
    expect(() => new RosterPins(dir.path).check([basel, { ...cleveland, sealingKey: key('X') }], basel)).toThrow(
      changed('cleveland'),
    );
    expect(JSON.parse(readFileSync(join(dir.path, 'roster.json'), 'utf8'))).toMatchObject({
      version: 2,
      sites: [basel, cleveland],
    });
  });

  it('are not forgotten, nor changed, when a single bit of their file flips', () => {
    using dir = tempDir();
    const file = join(dir.path, 'roster.json');
    const pins = new RosterPins(dir.path);
    pins.check([basel, cleveland], basel);
    const bytes = readFileSync(file);
    const outcomes = new Set<string>();
    for (let bit = 0; bit < bytes.length * 8; bit += bitStep) {
      writeFileSync(file, bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7))));
      outcomes.add(outcomeOf(() => new RosterPins(dir.path).fingerprint));
    }
    expect([...outcomes]).toEqual(['CONFIG_INVALID']);
  });
});

import { describe, expect, it } from 'vitest';
import { clockTrouble, presenceOf, QUIET_AFTER_MS } from './presence.js';

describe('presenceOf', () => {
  const now = Date.parse('2026-11-23T06:00:00Z');
  const seen = (ms: number) => new Date(now - ms).toISOString();
  it('tells online from quiet by the last word', () => {
    expect(presenceOf({ state: 'enrolled', lastSeenAt: seen(QUIET_AFTER_MS - 1) }, now)).toBe('online');
    expect(presenceOf({ state: 'enrolled', lastSeenAt: seen(QUIET_AFTER_MS) }, now)).toBe('quiet');
    expect(presenceOf({ state: 'enrolled', lastSeenAt: null }, now)).toBe('quiet');
  });
  it('does not call an invited site quiet', () => {
    expect(presenceOf({ state: 'invited', lastSeenAt: null }, now)).toBe('invited');
  });
});

it('a site whose clock is off says in which direction and by how much', () => {
  expect([undefined, 0, 29_000, -29_000, 180_000, -60_000].map(clockTrouble)).toEqual([
    null,
    null,
    null,
    null,
    'clock 180 s ahead',
    'clock 60 s behind',
  ]);
});

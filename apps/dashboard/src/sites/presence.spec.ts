import { describe, expect, it } from 'vitest';
import { presenceOf, quietAfterMs } from './presence.js';

describe('presenceOf', () => {
  const now = Date.parse('2026-11-23T06:00:00Z');
  const seen = (ms: number) => new Date(now - ms).toISOString();
  it('tells online from quiet by the last word', () => {
    expect(presenceOf({ state: 'enrolled', lastSeenAt: seen(quietAfterMs - 1) }, now)).toBe('online');
    expect(presenceOf({ state: 'enrolled', lastSeenAt: seen(quietAfterMs) }, now)).toBe('quiet');
    expect(presenceOf({ state: 'enrolled', lastSeenAt: null }, now)).toBe('quiet');
  });
  it('does not call an invited site quiet', () => {
    expect(presenceOf({ state: 'invited', lastSeenAt: null }, now)).toBe('invited');
  });
});

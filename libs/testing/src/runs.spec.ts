import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => vi.resetModules());

it.each([
  ['1', 2000],
  ['', 100],
  ['0', 100],
])('with KOINON_TEST_LONG=%j a property is tried %i times instead of 100', async (setting, expected) => {
  vi.stubEnv('KOINON_TEST_LONG', setting);
  expect((await import('./runs.js')).runs(100)).toBe(expected);
});

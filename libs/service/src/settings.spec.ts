import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CodedError } from '@koinon/contracts';
import { readSetting, readSettings, whole } from './settings.js';

const schema = z.object({
  KOINON_SITE: z.string(),
  KOINON_PORT: whole(0, 65_535).default(8000),
  KOINON_HOST: z.string().default('127.0.0.1'),
});
function refused(environment: Record<string, string>): CodedError {
  try {
    readSettings(schema, environment);
  } catch (error) {
    return error as CodedError;
  }
  return expect.unreachable();
}

describe('settings', () => {
  it('that are left out have their defaults', () => {
    expect(readSettings(schema, { KOINON_SITE: 'va', OTHER: '' })).toEqual({
      KOINON_SITE: 'va',
      KOINON_PORT: 8000,
      KOINON_HOST: '127.0.0.1',
    });
    expect(readSetting({}, 'KOINON_HOME')).toBeUndefined();
  });

  it('that are empty are a mistake, each named once', () => {
    const error = refused({ KOINON_SITE: '', KOINON_PORT: '', KOINON_HOST: '' });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.issues.map(({ path }) => path)).toEqual(['KOINON_SITE', 'KOINON_PORT', 'KOINON_HOST']);
    expect(() => readSetting({ KOINON_HOME: '' }, 'KOINON_HOME')).toThrow(/KOINON_HOME: must not be empty/);
  });

  it.each(['-1', '65536', '80.5', 'http', ' ', '0x10', '1e3'])(
    'take %j for no whole number in range, and do not repeat it',
    (value) => {
      const error = refused({ KOINON_SITE: 'va', KOINON_PORT: value });
      expect(error.issues.map(({ path }) => path)).toEqual(['KOINON_PORT']);
      if (value.length > 2) expect(error.message).not.toContain(value);
    },
  );
});

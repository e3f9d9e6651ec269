import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CodedError } from '@koinon/contracts';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { environmentOf } from './testing/node-config.fixture.js';
import { readConfig } from './config.js';

const FINGERPRINT = 'ab'.repeat(32);

function reading(changes: Record<string, string | undefined>, folder: string) {
  return readConfig({ ...environmentOf(join(folder, 'home'), 'http://127.0.0.1:7400', FINGERPRINT), ...changes });
}

describe('the configuration', () => {
  it('has defaults that keep privacy and bind to this machine alone', () => {
    using dir = tempDir();
    const config = reading({}, dir.path);
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      models: ['heart-disease'],
      budget: { epsilon: 1.2, delta: 1e-3 },
      insecureDeterministic: false,
      training: { memoryMb: 1024, timeoutMs: 600_000 },
      servingThreads: undefined,
      servesExpiredMs: 30 * 86_400_000,
    });
    expect(statSync(join(dir.path, 'home')).mode & 0o777).toBe(0o700);
  });

  it('refuses a home that a newer version wrote', () => {
    using dir = tempDir();
    reading({}, dir.path);
    writeFileSync(join(dir.path, 'home', 'home.json'), '{"homeVersion":3}');
    expect(() => reading({}, dir.path)).toThrow(expect.objectContaining({ code: 'HOME_VERSION' }));
  });

  it('takes every setting', () => {
    using dir = tempDir();
    const config = reading(
      {
        KOINON_MODELS: 'heart-disease, wards',
        KOINON_HOST: '0.0.0.0',
        KOINON_PORT: '0',
        KOINON_SERVING_THREADS: '2',
        KOINON_EPSILON_BUDGET: '0.5',
        KOINON_DELTA: '1e-5',
        KOINON_SERVE_EXPIRED_DAYS: '7',
        KOINON_TRAINING_MEMORY_MB: '512',
        KOINON_TRAINING_TIMEOUT_MS: '5000',
        KOINON_INSECURE_DETERMINISTIC: '1',
      },
      dir.path,
    );
    expect(config).toMatchObject({
      models: ['heart-disease', 'wards'],
      host: '0.0.0.0',
      port: 0,
      servingThreads: 2,
      budget: { epsilon: 0.5, delta: 1e-5 },
      delta: 1e-5,
      servesExpiredMs: 7 * 86_400_000,
      training: { memoryMb: 512, timeoutMs: 5000 },
      insecureDeterministic: true,
    });
    expect(reading({ KOINON_EPSILON_BUDGET: 'off' }, dir.path).budget).toBeNull();
  });

  it.each([
    ...[
      'KOINON_PORT',
      'KOINON_SERVING_THREADS',
      'KOINON_EPSILON_BUDGET',
      'KOINON_ENROLMENT_TOKEN_FILE',
      'KOINON_HOST',
    ].map((name): [string, string] => [name, '']),
    ['KOINON_SITE', 'Not A Site'],
    ['KOINON_SITE', undefined],
    ['KOINON_HOME', ''],
    ['KOINON_COORDINATOR_URL', 'ftp://host'],
    ['KOINON_COORDINATOR_URL', 'nowhere'],
    ['KOINON_COORDINATOR_FINGERPRINT', 'AB'.repeat(32)],
    ['KOINON_DATA_FILE', undefined],
    ['KOINON_SPLIT_FILE', ''],
    ['KOINON_SPLIT_CENTRE', ''],
    ['KOINON_MODELS', '../keys'],
    ['KOINON_MODELS', 'heart-disease,'],
    ['KOINON_PORT', '65536'],
    ['KOINON_PORT', 'http'],
    ['KOINON_SERVING_THREADS', '0'],
    ['KOINON_EPSILON_BUDGET', '0'],
    ['KOINON_EPSILON_BUDGET', '-1'],
    ['KOINON_EPSILON_BUDGET', 'Infinity'],
    ['KOINON_EPSILON_BUDGET', 'none'],
    ['KOINON_DELTA', '0'],
    ['KOINON_DELTA', '0.5'],
    ['KOINON_SERVE_EXPIRED_DAYS', '-1'],
    ['KOINON_SERVE_EXPIRED_DAYS', '1.5'],
    ['KOINON_TRAINING_MEMORY_MB', '100'],
    ['KOINON_TRAINING_TIMEOUT_MS', '10'],
    ['KOINON_TRAINING_TIMEOUT_MS', '86400001'],
    ['KOINON_TRAINING_TIMEOUT_MS', '2147483648'],
    ['KOINON_INSECURE_DETERMINISTIC', 'yes'],
  ])('refuses %s=%s, names it and does not repeat the value', (name, value) => {
    using dir = tempDir();
    let refused: CodedError | undefined;
    try {
      reading({ [name]: value }, dir.path);
    } catch (error) {
      refused = error as CodedError;
    }
    expect(refused).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(refused!.issues.map((issue) => issue.path.split('.')[0])).toEqual([name]);
    if (value && value.length > 4) expect(refused!.message).not.toContain(value);
  });

  it('names every wrong setting at once', () => {
    using dir = tempDir();
    expect(() => reading({ KOINON_SITE: 'X', KOINON_PORT: '-1' }, dir.path)).toThrow(/KOINON_SITE.*KOINON_PORT/s);
  });

  it('says that the home cannot be used, and not why in paths', () => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'home'), 'a file');
    expect(() => reading({}, dir.path)).toThrow(
      expect.objectContaining({ code: 'HOME_NOT_WRITABLE', message: expect.not.stringContaining(dir.path) as string }),
    );
  });
});

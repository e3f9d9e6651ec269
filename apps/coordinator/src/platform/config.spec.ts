import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CodedError } from '@koinon/contracts';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.js';

const SECRET = 'hunter2-very-secret';
const url = `postgres://koinon:${SECRET}@127.0.0.1:5432/koinon`;

function failure(environment: NodeJS.ProcessEnv): CodedError {
  try {
    readConfig(environment);
  } catch (error) {
    return error as CodedError;
  }
  return expect.unreachable();
}

describe('the configuration', () => {
  it('refuses a home that a newer version wrote', () => {
    using dir = tempDir();
    readConfig({ KOINON_DATABASE_URL: url, KOINON_HOME: dir.path });
    writeFileSync(join(dir.path, 'coordinator', 'home.json'), '{"homeVersion":3}');
    expect(failure({ KOINON_DATABASE_URL: url, KOINON_HOME: dir.path }).code).toBe('HOME_VERSION');
  });

  it('needs a database and a home, and has defaults for the rest', () => {
    using dir = tempDir();
    expect(readConfig({ KOINON_DATABASE_URL: url, KOINON_HOME: dir.path })).toEqual({
      databaseUrl: url,
      redisUrl: undefined,
      home: join(dir.path, 'coordinator'),
      host: '127.0.0.1',
      port: 7400,
      dashboardDir: undefined,
      connectTimeoutMs: 30_000,
      ceremonyStepMs: 30_000,
    });
    expect(statSync(join(dir.path, 'coordinator')).mode & 0o777).toBe(0o700);
  });

  const bad: [string, ...string[]][] = [
    ['KOINON_DATABASE_URL', '', 'nonsense', `mysql://root:${SECRET}@db/x`, SECRET],
    ['KOINON_REDIS_URL', 'nonsense', `http://:${SECRET}@cache:6379`, `:${SECRET}`],
    ['KOINON_HOME', ''],
    ['KOINON_PORT', '-1', '65536', '80.5', 'http', SECRET],
    ['KOINON_CONNECT_TIMEOUT_MS', '-1', 'soon', '86400001', '2147483648', SECRET],
    ['KOINON_CEREMONY_STEP_MS', '999', '0', '-5', 'x', '86400001', '2147483648', SECRET],
  ];
  it.each(bad.flatMap(([name, ...values]) => values.map((value) => ({ name, value }))))(
    'names $name when it is $value, and does not repeat it',
    ({ name, value }) => {
      using dir = tempDir();
      const error = failure({ KOINON_DATABASE_URL: url, KOINON_HOME: dir.path, [name]: value });
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.issues.map((i) => i.path)).toEqual([name]);
      expect(error.message).toContain(name);
      const told = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
      expect(told).not.toContain(SECRET);
    },
  );

  it('names every bad setting at once', () => {
    const error = failure({ KOINON_PORT: 'x', KOINON_REDIS_URL: 'y' });
    expect(error.issues.map((i) => i.path).toSorted()).toEqual([
      'KOINON_DATABASE_URL',
      'KOINON_HOME',
      'KOINON_PORT',
      'KOINON_REDIS_URL',
    ]);
  });

  it.each(['KOINON_PORT', 'KOINON_CONNECT_TIMEOUT_MS', 'KOINON_CEREMONY_STEP_MS'])(
    'does not take an empty %s for zero',
    (name) => {
      using dir = tempDir();
      expect(
        failure({ KOINON_DATABASE_URL: url, KOINON_HOME: dir.path, [name]: '' }).issues.map((i) => i.path),
      ).toEqual([name]);
    },
  );

  it('says that the home cannot be written, without its path', () => {
    using dir = tempDir();
    const file = join(dir.path, 'a-file');
    writeFileSync(file, '');
    const error = failure({ KOINON_DATABASE_URL: url, KOINON_HOME: join(file, 'home') });
    expect(error.code).toBe('HOME_NOT_WRITABLE');
    expect(`${error.message} ${error.detail ?? ''}`).not.toContain(dir.path);
  });
});

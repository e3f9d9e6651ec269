import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Federation } from '@koinon/contracts';
import { recordsSchemaFile, federationFile, modelFile } from '@koinon/heart-disease';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Koinon, koinon, pidOf, processesBelow, until } from '../testing/koinon.js';

// A cheap federation: what is tested here does not depend on the cipher or on noise.
const UP = ['up', '--port', '0', '--seed', '11', '--epsilon', 'off', '--encryption', 'one-time-key'];
const LONG = 300_000;

/** One federation from its first start to its last: each test finds what the one before left. */
describe.skipIf(process.platform !== 'linux')('koinon up that is stopped, killed and hurt', () => {
  let dir: TempDir;
  let home: string;
  let last: Koinon | undefined;
  const start = (): Koinon => (last = new Koinon(UP, { home }));

  beforeAll(() => {
    dir = tempDir();
    home = join(dir.path, 'home');
  });
  afterAll(async () => {
    await last?.end('SIGTERM');
    await until(() => processesBelow(home).length === 0);
    dir[Symbol.dispose]();
  });

  it.each([
    ['SIGINT', /starting PostgreSQL/],
    ['SIGTERM', /starting the coordinator/],
    ['SIGHUP', /starting 4 hospitals/],
    ['SIGINT', /agreeing on a key/],
    ['SIGTERM', /training and encrypting/],
  ] as const)(
    'ends with all its processes on %s after “%s”',
    async (signal, moment) => {
      const up = start();
      await up.says(moment);
      const { code, stdout } = await up.end(signal);
      expect({ code, stdout, left: processesBelow(home) }).toEqual({ code: 130, stdout: '', left: [] });
    },
    LONG,
  );

  it(
    'leaves only the database when it is killed, and its programs end by themselves',
    async () => {
      const up = start();
      await up.says(/decrypting|adding up|evaluating|done in/);
      await up.end('SIGKILL');
      await until(() => processesBelow(home).every((name) => name.includes('postgres')));
      expect(processesBelow(home).length).toBeGreaterThan(0);
    },
    LONG,
  );

  it(
    'takes over that database, and restarts what is killed until the same run is done',
    async () => {
      const up = start();
      await up.says(/took over the PostgreSQL/);
      await up.says(/of 5: /);
      const began = await runs(home);
      for (const victim of ['hungarian', 'coordinator', 'worker']) {
        process.kill(pidOf(home, victim), 'SIGKILL');
        await up.says(new RegExp(`${victim} ended with SIGKILL; see its log; starting it again`));
      }
      await up.says(/serving; press/);
      const ended = await runs(home);
      expect(ended.map(({ id, state }) => ({ id, state }))).toEqual([{ id: began[0]!.id, state: 'done' }]);
      expect(ended[0]!.rounds.map((round) => round.state)).toEqual(Array.from({ length: 5 }, () => 'done'));
    },
    LONG,
  );

  it(
    'keeps serving at the same address when a node is killed afterwards',
    async () => {
      const before = await predict(home);
      process.kill(pidOf(home, 'va'), 'SIGKILL');
      let after = await predict(home);
      for (; after.code !== 0; after = await predict(home));
      expect(after.stdout).toBe(before.stdout);
    },
    LONG,
  );

  it(
    'serves what another run promoted since, also after the next start',
    async () => {
      const file = join(dir.path, 'federation.yaml');
      const other = parse(readFileSync(federationFile, 'utf8')) as Federation;
      const files = { model: { ...other.model, file: modelFile }, records: recordsSchemaFile };
      const spec = {
        ...other,
        ...files,
        rounds: 1,
        privacy: { ...other.privacy, epsilon: null, recordCountNoise: 0 },
        encryption: { ...other.encryption, scheme: 'one-time-key' },
        promotion: { alias: 'champion', gate: {} },
      };
      writeFileSync(file, stringify(spec));
      await koinon(['run', 'start', file], { home });
      expect((await koinon(['run', 'watch'], { home })).code).toBe(0);
      expect((await last!.end('SIGINT')).code).toBe(0);
      const again = start();
      await again.says(/of another run, was promoted since/);
      await again.says(/serving; press/);
      expect(again.printed).toMatch(/version \d+, of another run that was promoted since/);
    },
    LONG,
  );

  it(
    'ends with a code when its database is killed, and the next start has everything',
    async () => {
      process.kill(
        Number.parseInt(
          processesBelow(home).find((name) => name.endsWith(' postgres -D'))!,
          10,
        ),
        'SIGKILL',
      );
      const { code, stderr } = await last!.end();
      expect(stderr).toMatch(/^koinon: DATABASE_UNREACHABLE: .*the embedded PostgreSQL ended; start again/m);
      expect({ code, left: processesBelow(home) }).toEqual({ code: 2, left: [] });
      await start().says(/serving; press/);
      expect((await runs(home)).map(({ state }) => state)).toEqual(['done', 'done']);
    },
    LONG,
  );

  it(
    'ends well on Ctrl-C while it serves',
    async () => {
      const { code, stderr } = await last!.end('SIGINT');
      expect({ code, left: processesBelow(home) }).toEqual({ code: 0, left: [] });
      expect(stderr).toMatch(/serving; press Ctrl-C to stop\n *[\d.]+ s {2}stopping\n$/);
    },
    LONG,
  );
});

async function runs(home: string): Promise<{ id: string; state: string; rounds: { state: string }[] }[]> {
  const { stdout } = await koinon(['run', 'list', '--format', 'json'], { home });
  return JSON.parse(stdout);
}

function predict(home: string): Promise<{ code: number | null; stdout: string }> {
  return koinon(
    [
      'predict',
      'heart-disease',
      '--site',
      'va',
      '--',
      '54',
      '1',
      '130',
      '240',
      '0',
      '150',
      '0',
      '1',
      '0',
      '1',
      '0',
      '0',
      '1',
    ],
    { home },
  );
}

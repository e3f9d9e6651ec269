import { cpSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { dataFile } from '@koinon/heart-disease';
import { freePort, tempDir, withDatabase } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Koinon, koinon, processesBelow } from '../testing/koinon.js';

const UP = ['up', '--once', '--format', 'json', '--epsilon', 'off', '--encryption', 'one-time-key'];
const LONG = 300_000;

const dir = tempDir();
afterAll(() => dir[Symbol.dispose]());
const fresh = (name: string): string => join(dir.path, name);

/** A copy of the study's tables with one line of some of them replaced. */
function tables(name: string, change: (folder: string, file: (centre: string) => string) => void): string {
  const folder = fresh(name);
  cpSync(dirname(dataFile('va')), folder, { recursive: true });
  change(folder, (centre) => join(folder, `processed.${centre}.data`));
  return folder;
}

function editLines(file: string, edit: (cells: string[], row: number) => string[]): void {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileSync(file, lines.map((line, index) => edit(line.split(','), index + 1).join(',')).join('\n'));
}

/** Files below a home that hold a text: logs, the database, blobs, and all that coordinator and nodes keep. */
function holding(home: string, text: string): string[] {
  return globSync('**', { cwd: home }).filter((file) => {
    const path = join(home, file);
    return statSync(path, { throwIfNoEntry: false })?.isFile() && readFileSync(path).includes(text);
  });
}

describe('tables that cannot be used', () => {
  it(
    'are named with file, row, column and reason, and end a run without a quorum',
    async () => {
      const data = tables('three broken', (_folder, file) => {
        rmSync(file('va'));
        editLines(file('hungarian'), (cells, row) => (row === 7 ? cells.with(4, 'high') : cells));
        editLines(file('cleveland'), (cells) => cells.with(13, '0'));
      });
      const { code, stdout, stderr } = await koinon([...UP, '--data', data], { home: fresh('home of three') });
      expect(stderr).toContain('va: DATA_FILE_MISSING: processed.va.data: there is no such file');
      expect(stderr).toContain(
        'hungarian: DATA_NOT_A_NUMBER: processed.hungarian.data, row 7, column chol: it is neither a number nor the missing marker',
      );
      expect(stderr).toContain(
        'cleveland: DATA_CLASS_ABSENT: processed.cleveland.data: class 1 never occurs in its train split',
      );
      expect(stderr).toMatch(/^koinon: ROUND_QUORUM_MISSED: .*va: SITE_DATA_INVALID/m);
      expect({ code, stdout, left: processesBelow(fresh('home of three')) }).toEqual({ code: 2, stdout: '', left: [] });
      // The value itself is the patient's.
      expect(stderr).not.toContain('high');
    },
    LONG,
  );

  it(
    'of one hospital leave it out, and the others go on; nothing keeps a value of a record',
    async () => {
      const patient = '131.7654321';
      const data = tables('one broken', (_folder, file) => {
        editLines(file('switzerland'), (cells, row) => (row === 3 ? [patient, ...cells.slice(2)] : cells));
        editLines(file('cleveland'), (cells) => cells.with(3, patient));
      });
      const { code, stdout, stderr } = await koinon([...UP, '--data', data], { home: fresh('home of one') });
      expect(
        stderr.match(/switzerland: DATA_COLUMN_COUNT: processed.switzerland.data, row 3: it has 13 columns/g),
      ).toHaveLength(1);
      expect(stderr).toContain('round 1 of 5: goes on without switzerland (SITE_DATA_INVALID)');
      expect(code).toBe(0);
      expect(holding(fresh('home of one'), 'DATA_COLUMN_COUNT')).not.toEqual([]);
      expect(holding(fresh('home of one'), patient)).toEqual([]);
      expect(stdout + stderr).not.toContain(patient);
      const report = JSON.parse(stdout);
      for (const round of report.rounds)
        expect(round).toMatchObject({ state: 'done', participants: ['cleveland', 'hungarian', 'va'] });
    },
    LONG,
  );

  it('in a folder that does not exist are refused before anything starts', async () => {
    const { code, stderr } = await koinon([...UP, '--data', fresh('nowhere')], { home: fresh('home of none') });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^koinon: CONFIG_INVALID: .*--data: there is no such folder/),
    });
  });
});

describe('a machine that is not ready', () => {
  const database = withDatabase();
  let occupied: Server;
  let connections = 0;
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    occupied = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => void (await new Promise((closed) => occupied.close(closed))));

  it(
    'has a program on the port',
    async () => {
      const { code, stderr } = await koinon([...UP, '--port', String(portOf(occupied))], {
        home: fresh('port'),
        env: { KOINON_DATABASE_URL: database.url },
      });
      expect(stderr).toMatch(new RegExp(`^koinon: PORT_IN_USE: .*coordinator: port ${portOf(occupied)}\\)$`, 'm'));
      expect({ code, left: processesBelow(fresh('port')) }).toEqual({ code: 2, left: [] });
    },
    LONG,
  );

  it('cannot write KOINON_HOME', async () => {
    writeFileSync(fresh('a file'), '');
    const { code, stderr } = await koinon(UP, { home: join(fresh('a file'), 'home') });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^koinon: HOME_NOT_WRITABLE: .*KOINON_HOME/),
    });
  });

  it(
    'does not reach PostgreSQL, after it has tried more than once',
    async () => {
      connections = 0;
      const env = {
        KOINON_DATABASE_URL: `postgres://koinon:x@127.0.0.1:${portOf(occupied)}/koinon`,
        KOINON_CONNECT_TIMEOUT_MS: '500',
      };
      const { code, stderr } = await koinon(UP, { home: fresh('database'), env });
      expect(stderr).toMatch(/^koinon: DATABASE_UNREACHABLE: .*KOINON_DATABASE_URL/m);
      expect({ code, left: processesBelow(fresh('database')) }).toEqual({ code: 2, left: [] });
      expect(connections).toBeGreaterThan(1);
    },
    LONG,
  );

  it(
    'does not reach Redis',
    async () => {
      const env = {
        KOINON_DATABASE_URL: database.url,
        KOINON_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
        KOINON_CONNECT_TIMEOUT_MS: '500',
      };
      const { code, stderr } = await koinon(UP, { home: fresh('redis'), env });
      expect(stderr).toMatch(/^koinon: REDIS_UNREACHABLE: .*KOINON_REDIS_URL/m);
      expect({ code, left: processesBelow(fresh('redis')) }).toEqual({ code: 2, left: [] });
    },
    LONG,
  );
});

describe('a database of one’s own', () => {
  const database = withDatabase();

  it(
    'serves one federation only',
    async () => {
      const options = { home: fresh('one database'), env: { KOINON_DATABASE_URL: database.url } };
      const first = new Koinon([...UP, '--seed', '1'], options);
      await first.says(/agreeing on a key/);
      expect((await first.end('SIGTERM')).code).toBe(130);
      const { code, stderr } = await koinon([...UP, '--seed', '2'], options);
      expect(stderr).toMatch(/^koinon: CONFIG_INVALID: .*every federation needs a database of its own/m);
      expect({ code, left: processesBelow(options.home) }).toEqual({ code: 2, left: [] });
    },
    LONG,
  );
});

describe('arguments that make no sense', () => {
  it.each([
    [['--seed', '-1'], /--seed.*wanted: a whole number/],
    [['--epsilon', 'none'], /--epsilon.*wanted: a positive number or off/],
    [['--port', '70000'], /--port.*wanted: a port number/],
    [['--encryption', 'rot13'], /ckks-threshold, one-time-key/],
  ])('%j are refused', async (args, reason) => {
    const { code, stderr } = await koinon(['up', ...args], { home: fresh('arguments') });
    expect(stderr).toMatch(reason);
    expect(code).toBe(1);
  });

  it('noise from the seed needs a seed, and an ε beyond all reason is named', async () => {
    const ended = await Promise.all(
      [['--insecure-deterministic'], ['--epsilon', '1000']].map((args) =>
        koinon(['up', ...args], { home: fresh('arguments') }),
      ),
    );
    expect(ended.map(({ code }) => code)).toEqual([2, 2]);
    expect(ended[0]!.stderr).toMatch(/CONFIG_INVALID: .*--insecure-deterministic needs --seed/);
    expect(ended[1]!.stderr).toMatch(/REQUEST_INVALID: .*\n {2}privacy\.epsilon: /);
  });
});

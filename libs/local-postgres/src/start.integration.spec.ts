import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packagedBinaries } from './binaries.js';
import { thisHost } from './prepare.js';
import { readPostmasterFile } from './postmaster-file.js';
import { type LocalPostgres, startLocalPostgres, startOnHost } from './start.js';

const isRoot = process.getuid?.() === 0;

/** A stopped cluster to copy: initdb takes longer than everything else here. */
let template: string;
let folder: string;
let dataDir: string;
let running: LocalPostgres[];

function openFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'koinon pg '));
  chmodSync(path, 0o755);
  return path;
}

beforeAll(async () => {
  template = openFolder();
  const server = await startLocalPostgres({ dataDir: join(template, 'postgres') });
  await server.stop();
});

afterAll(() => rmSync(template, { recursive: true }));

beforeEach(() => {
  folder = openFolder();
  dataDir = join(folder, 'state', 'postgres');
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

/** Puts a copy of the template, owners included, where the test will start it. */
function copyTemplate(): void {
  execFileSync('cp', ['-a', template, dirname(dataDir)]);
}

async function start(options: Partial<Parameters<typeof startLocalPostgres>[0]> = {}): Promise<LocalPostgres> {
  const server = await startLocalPostgres({ dataDir, ...options });
  running.push(server);
  return server;
}

async function query<Row extends QueryResultRow>(server: LocalPostgres, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a server in a process that is then killed outright; the server stays behind. */
async function leaveServerBehind(): Promise<{ pid: number; port: number }> {
  const script = `
    const { startLocalPostgres } = await import(process.argv[1]);
    const server = await startLocalPostgres({ dataDir: process.argv[2] });
    process.kill(process.pid, 'SIGKILL');
  `;
  const entry = new URL('../dist/index.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, entry, dataDir], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  const file = readPostmasterFile(dataDir);
  if (file === undefined) throw new Error('no server was left behind');
  return file;
}

describe('startLocalPostgres', () => {
  it('keeps data over a restart, durable and open to nobody without the password', async () => {
    const first = await start();
    expect(first.adopted).toBe(false);
    await query(first, 'CREATE TABLE round AS SELECT 7 AS number');
    const settings = await query<{ name: string; setting: string }>(
      first,
      "SELECT name, setting FROM pg_settings WHERE name IN ('fsync','synchronous_commit','full_page_writes','listen_addresses','unix_socket_directories')",
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
    });
    const stranger = new Client({ connectionString: first.url.replace(/:[^:@]+@/, ':wrong@') });
    await expect(stranger.connect()).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(`${dataDir}.password`).mode & 0o777).toBe(0o600);
    expect(first.url).toContain(`:${readFileSync(`${dataDir}.password`, 'utf8').trim()}@127.0.0.1:${first.port}/`);

    await Promise.all([first.stop(), first.stop()]);
    expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false);
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second, 'SELECT number FROM round')).toEqual([{ number: 7 }]);
  });

  it('adopts the server of a killed process', async () => {
    copyTemplate();
    const left = await leaveServerBehind();
    const server = await start();
    expect(server).toMatchObject({ adopted: true, port: left.port });
    await server.stop();
    await expect(query(server, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('replaces a leftover server that is already stopping', async () => {
    copyTemplate();
    const left = await leaveServerBehind();
    const password = readFileSync(`${dataDir}.password`, 'utf8').trim();
    const client = new Client({ connectionString: `postgres://koinon:${password}@127.0.0.1:${left.port}/koinon` });
    client.on('error', () => undefined);
    await client.connect();
    // A smart shutdown waits for our client, so the server stays in the state "stopping".
    process.kill(left.pid, 'SIGTERM');
    const server = await start();
    expect(server.adopted).toBe(false);
    expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('recovers from a killed server and from a pid file that names a stranger', async () => {
    copyTemplate();
    const first = await start();
    await query(first, 'CREATE TABLE round AS SELECT 8 AS number');
    const file = readPostmasterFile(dataDir);
    process.kill(file?.pid ?? NaN, 'SIGKILL');
    const text = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
    writeFileSync(join(dataDir, 'postmaster.pid'), text.replace(/^\d+/, String(process.pid)));
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second, 'SELECT number FROM round')).toEqual([{ number: 8 }]);
  });

  it('starts over what a killed initdb left', async () => {
    mkdirSync(join(`${dataDir}.new`, 'data', 'base'), { recursive: true });
    const server = await start();
    expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('stops the server again when the password file is not the right one', async () => {
    copyTemplate();
    writeFileSync(`${dataDir}.password`, 'something else\n');
    await expect(start()).rejects.toMatchObject({ code: 'PASSWORD_REJECTED' });
    expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false);
    rmSync(`${dataDir}.password`);
    await expect(start()).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
  });

  it('refuses folders it cannot use, with a code and without their names', async () => {
    writeFileSync(join(folder, 'file'), '');
    const blocked = start({ dataDir: join(folder, 'file', 'postgres') });
    await expect(blocked).rejects.toMatchObject({
      code: 'DATA_DIR_NOT_WRITABLE',
      message: expect.not.stringContaining(folder),
    });

    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, 'thesis.docx'), '');
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_FOREIGN' });
    writeFileSync(join(dataDir, 'PG_VERSION'), '17\n');
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_OTHER_VERSION' });
    await expect(start({ binariesDir: folder })).rejects.toMatchObject({ code: 'BINARIES_MISSING' });
  });

  it('works with data and binaries below a folder that only this account can enter', async () => {
    const home = join(folder, 'home');
    const systemDir = join(folder, 'system');
    mkdirSync(home, { mode: 0o700 });
    cpSync(packagedBinaries().folder, join(home, 'native'), { recursive: true, verbatimSymlinks: true });
    const options = { dataDir: join(home, 'state', 'postgres'), binariesDir: join(home, 'native') };
    const host = { ...thisHost(), systemDir };

    const first = await startOnHost(options, host);
    running.push(first);
    await query(first, 'CREATE TABLE round AS SELECT 9 AS number');
    await first.stop();
    // Root lends the server another account, which needs another place; an ordinary user does not.
    expect(existsSync(systemDir)).toBe(isRoot);
    expect(statSync(`${options.dataDir}.password`).mode & 0o777).toBe(0o600);

    const second = await startOnHost(options, host);
    running.push(second);
    expect(await query(second, 'SELECT number FROM round')).toEqual([{ number: 9 }]);
    await second.stop();

    rmSync(dirname(options.dataDir), { recursive: true });
    const third = await startOnHost(options, host);
    running.push(third);
    await expect(query(third, 'SELECT number FROM round')).rejects.toMatchObject({ code: '42P01' });
  });
});

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { Koinon, koinon, processesBelow } from '../testing/koinon.js';

const UP = ['up', '--once', '--epsilon', 'off', '--encryption', 'one-time-key'];
const LONG = 300_000;
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const ORDINARY = isRoot ? NOBODY : process.getuid!();

/** Whether an ordinary user may run the programs of this clone at all. */
const isOpen = (folder: string): boolean =>
  (statSync(folder).mode & 1) === 1 && (folder === dirname(folder) || isOpen(dirname(folder)));

// Only root can act as somebody else, and a clone that only root can enter is no ordinary user's to run: what applies here is what runs.
const byRoot = isRoot ? describe : undefined;
const byOrdinaryUser = !isRoot || isOpen(import.meta.dirname) ? describe : undefined;
const bySomebodyElse = isRoot && isOpen(import.meta.dirname) ? describe : undefined;
const inClosedClone = isRoot && !isOpen(import.meta.dirname) ? describe : undefined;

byRoot?.('koinon up by root', () => {
  it(
    'works below a folder that only root can enter',
    async () => {
      const closed = mkdtempSync(join(tmpdir(), 'koinon closed '));
      expect(statSync(closed).mode & 0o777).toBe(0o700);
      const home = join(closed, 'home');
      const up = new Koinon(UP, { home });
      try {
        await up.says(/training and encrypting/);
        const relocated = readFileSync(
          join(JSON.parse(readFileSync(join(home, 'current.json'), 'utf8')).folder, 'postgres', 'RELOCATED'),
          'utf8',
        );
        const data = /\/\S+/.exec(relocated.split('lives in')[1]!)![0];
        expect(existsSync(join(data, 'PG_VERSION'))).toBe(true);
        const { code } = await up.end('SIGTERM');
        expect({ code, left: processesBelow(home), server: existsSync(join(data, 'postmaster.pid')) }).toEqual({
          code: 130,
          left: [],
          server: false,
        });
        rmSync(dirname(data), { recursive: true, force: true });
      } finally {
        await up.end('SIGTERM');
        rmSync(closed, { recursive: true, force: true });
      }
    },
    LONG,
  );
});

byOrdinaryUser?.('koinon up by an ordinary user', () => {
  it(
    'works in a folder of its own, as that user only',
    async () => {
      using dir = tempDir();
      const home = join(dir.path, 'a home with spaces');
      mkdirSync(home);
      if (isRoot) chownSync(home, NOBODY, NOBODY);
      const up = new Koinon(UP, { home, ...(isRoot ? { uid: NOBODY } : {}) });
      try {
        await up.says(/training and encrypting/);
        const owners = processesBelow(home).map((name) =>
          execFileSync('stat', ['-c', '%u', `/proc/${name.split(' ')[0]}`], { encoding: 'utf8' }).trim(),
        );
        expect([...new Set(owners)]).toEqual([String(ORDINARY)]);
        const { code } = await up.end('SIGTERM');
        expect({ code, left: processesBelow(home) }).toEqual({ code: 130, left: [] });
      } finally {
        await up.end('SIGTERM');
      }
    },
    LONG,
  );
});

bySomebodyElse?.('koinon up in a folder of somebody else', () => {
  it('is told that it may not write there', async () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o755);
    for (const home of [dir.path, join(dir.path, 'below')]) {
      const { code, stderr } = await koinon(UP, { home, uid: NOBODY });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^koinon: HOME_NOT_WRITABLE: /) });
    }
  });
});

inClosedClone?.('koinon up by an ordinary user, in a clone that only root can enter', () => {
  it('cannot be started at all', () => {
    expect(() => execFileSync('/bin/ls', [import.meta.dirname], { uid: NOBODY, gid: NOBODY, stdio: 'ignore' })).toThrow(
      '/bin/ls',
    );
  });
});

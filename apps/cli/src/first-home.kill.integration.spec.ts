import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runKilled, tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';

const first = fileURLToPath(new URL('../kat/home-1', import.meta.url));
const FOLDER = 'heart-disease-69ef84aeba17';
const CARRYING = `
  const { carryHomeOver } = await import(dist + 'home.js');
  armKill();
  carryHomeOver(args[0]);
`;
const carry = (home: string, killAt: number) =>
  runKilled(new URL('../dist/', import.meta.url), CARRYING, killAt, [home]);
const names = (home: string): string[] => readdirSync(home, { recursive: true, encoding: 'utf8' }).toSorted();
const nodesIn = (home: string) => readFileSync(join(home, FOLDER, 'nodes.json'), 'utf8');
const ledgersIn = (home: string) =>
  ['cleveland', 'va'].map((site) => readFileSync(join(home, FOLDER, 'sites', site, 'privacy-ledger.json'), 'utf8'));

describe('a home of version 1', () => {
  it('is carried over wherever that is killed, with its ledgers as they were', () => {
    const present = nodesIn(first).replaceAll('"fingerprint"', '"keyFingerprint"');
    let kills = 0;
    for (let killed = true; killed; kills++) {
      using dir = tempDir();
      const home = join(dir.path, 'home');
      cpSync(first, home, { recursive: true });
      ({ killed } = carry(home, kills + 1));
      expect([nodesIn(first), present], `killed at ${kills + 1}`).toContain(nodesIn(home));
      expect(ledgersIn(home)).toEqual(ledgersIn(first));
      carry(home, 0);
      expect(nodesIn(home)).toBe(present);
      expect(ledgersIn(home)).toEqual(ledgersIn(first));
      expect(names(home)).toEqual([...names(first), 'home.json'].toSorted());
      expect(readFileSync(join(home, 'home.json'), 'utf8')).toBe('{"homeVersion":2}');
    }
    // Two files are written, each in several steps.
    expect(kills).toBeGreaterThan(8);
  }, 120_000);
});

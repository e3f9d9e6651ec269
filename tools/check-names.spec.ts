import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNames } from './check-names.mjs';

function namesOf(files: Readonly<Record<string, string>>): string[] {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'koinon-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir.path, file)), { recursive: true });
    writeFileSync(join(dir.path, file), text);
  }
  return findNames(dir.path);
}

describe('names', () => {
  it('may not differ by dots and hyphens alone within a folder', () => {
    const found = namesOf({
      'apps/a/src/agent.thread.ts': '',
      'apps/a/src/agent-thread.ts': '',
      'apps/a/src/b/agent.thread.ts': '',
    });
    expect(found).toEqual([
      'apps/a/src/agent-thread.ts and apps/a/src/agent.thread.ts: differ by dots, hyphens and case alone',
    ]);
  });

  it('of exported classes are given once', () => {
    const found = namesOf({
      'libs/a/src/a.ts': 'export class Ceremony {}\nclass Private {}\n',
      'libs/b/src/b.ts': 'export class Ceremony {}\nclass Private {}\n',
    });
    expect(found).toEqual(['libs/a/src/a.ts and libs/b/src/b.ts: two exported classes Ceremony']);
  });

  it.each([
    ['export interface EpochHeader {}', 'EpochHeader', 'key epoch'],
    ['export const epochs = [];', 'epochs', 'key epoch'],
    ['export class ShareStore {}', 'ShareStore', 'key share'],
    ['export function shareOf() {}', 'shareOf', 'key share'],
    ['export async function openStatement() {}', 'openStatement', 'verify'],
    ['export type ClosingStatement = string;', 'ClosingStatement', 'aggregation commitment'],
    ['export const activeSet = [];', 'activeSet', 'decryptors'],
    ['export const keyIdOf = () => 1;', 'keyIdOf', 'key fingerprint'],
    ['export interface SumScheme {}', 'SumScheme', 'aggregator'],
  ])('%s says another word’s meaning', (text, name, instead) => {
    const [one, ...more] = namesOf({ 'libs/a/src/a.ts': text });
    expect(one).toContain(`libs/a/src/a.ts: exports ${name}: say `);
    expect(one).toContain(instead);
    expect(more).toEqual([]);
  });

  it('that are qualified, of a Merkle opening, or nobody else’s business are taken', () => {
    const taken = `export interface KeyEpochHeader {}
      export const keyEpochId = '', decryptionShareBytes = (epoch) => epoch, additiveShares = [], sharedOptions = {};
      export interface OpenWork {}
      export const openingSchema = {}, openApiDocument = {};
      const share = {};`;
    expect(namesOf({ 'libs/a/src/a.ts': taken }).filter((name) => name.includes('exports'))).toEqual([]);
    expect(namesOf({ 'models/a/src/a.ts': 'export interface Epoch {}' })).toEqual([]);
  });

  it('of members are private by one word, and constants that are written out have upper case', () => {
    const text = `const longestMs = 2 * 60_000;
      const RETRY_MS = -1;
      const pattern = /x/;
      const computed = Math.max(1, 2), both = [1], on = true;
      function f() { const local = 1; return local; }
      class A { #hidden = 1; private seen = 2; get() { return this.#hidden + this.seen; } }`;
    expect(namesOf({ 'apps/a/src/a.ts': text })).toEqual([
      'apps/a/src/a.ts: longestMs is written out in the source: a constant has upper case',
      'apps/a/src/a.ts: pattern is written out in the source: a constant has upper case',
      'apps/a/src/a.ts: #hidden is private by another word than all others',
    ]);
  });
});

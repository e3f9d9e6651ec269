import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { HOME_VERSION, takeHome } from './home-version.js';

const mark = (home: string): unknown => JSON.parse(readFileSync(join(home, 'home.json'), 'utf8'));

describe('a home', () => {
  it('without a mark is of version 1: it is carried over once and marked when that is done', () => {
    using dir = tempDir();
    const seen: string[][] = [];
    const carryOver = { 1: (home: string) => void seen.push(readdirSync(home)) };
    writeFileSync(join(dir.path, 'keys.json'), '{}');
    takeHome(dir.path, carryOver);
    takeHome(dir.path, carryOver);
    expect(seen).toEqual([['keys.json']]);
    expect(mark(dir.path)).toEqual({ homeVersion: HOME_VERSION });
  });

  it('is of its old version for as long as carrying it over fails', () => {
    using dir = tempDir();
    const failing = () => {
      throw new Error('no');
    };
    expect(() => takeHome(dir.path, { 1: failing })).toThrow('no');
    expect(readdirSync(dir.path)).toEqual([]);
  });

  it.each([
    [
      'a newer version',
      '{"homeVersion":3,"of":"tomorrow"}',
      /^it is of version 3, this Koinon reads versions 1 to 2: /,
    ],
    ['a mark that is cut short', '{"homeVer', /^home\.json.* is damaged: restore it from a backup$/],
    ['a mark of another form', '{"homeVersion":"2"}', /is damaged/],
    ['a mark of no version', '{"homeVersion":0}', /is damaged/],
    ['an empty mark', '', /is damaged/],
  ])('of %s is refused and nothing in it is touched', (_, content, detail) => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'home.json'), content);
    const refused = expect.objectContaining({ code: 'HOME_VERSION', detail: expect.stringMatching(detail) });
    expect(() => takeHome(dir.path, { 1: () => expect.unreachable() })).toThrow(refused);
    expect(readdirSync(dir.path)).toEqual(['home.json']);
    expect(readFileSync(join(dir.path, 'home.json'), 'utf8')).toBe(content);
  });
});

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it, vi } from 'vitest';
import { carryHomeOver, homeFolder, lockHome } from './home.js';
import { defaultHome } from './layout.js';
import { identityOf } from '@koinon/supervisor';

describe('homeFolder', () => {
  it('is KOINON_HOME made absolute, or the default when it is not set; an empty one is a mistake', () => {
    vi.stubEnv('KOINON_HOME', 'some/where');
    expect(homeFolder()).toBe(join(process.cwd(), 'some/where'));
    vi.stubEnv('KOINON_HOME', undefined);
    expect(homeFolder()).toBe(defaultHome);
    vi.stubEnv('KOINON_HOME', '');
    expect(() => homeFolder()).toThrow(/KOINON_HOME: must not be empty/);
  });
});

describe('carryHomeOver', () => {
  it('refuses a home that a newer version wrote', () => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'home.json'), '{"homeVersion":3}');
    expect(() => carryHomeOver(dir.path)).toThrow(expect.objectContaining({ code: 'HOME_VERSION' }));
    expect(readdirSync(dir.path)).toEqual(['home.json']);
  });
});

describe('lockHome', () => {
  it('makes the folder, holds it, and leaves nothing behind', () => {
    using dir = tempDir();
    const home = join(dir.path, 'not', 'there yet');
    const unlock = lockHome(home);
    expect(readFileSync(join(home, 'up.pid'), 'utf8')).toBe(identityOf(process.pid));
    expect(readdirSync(home)).toEqual(['up.pid']);
    expect(() => lockHome(home)).toThrow(
      expect.objectContaining({ code: 'ALREADY_RUNNING', detail: `process ${process.pid}` }),
    );
    expect(readdirSync(home)).toEqual(['up.pid']);
    unlock();
    expect(readdirSync(home)).toEqual([]);
    lockHome(home)();
  });

  it.each([
    ['a process that has ended', identityOf(2 ** 22 + 1)],
    ['an earlier process with our number', `${process.pid} 1`],
    ['a half-written file', ''],
  ])('takes over the lock of %s', (_, content) => {
    using dir = tempDir();
    writeFileSync(join(dir.path, 'up.pid'), content);
    const unlock = lockHome(dir.path);
    expect(readFileSync(join(dir.path, 'up.pid'), 'utf8')).toBe(identityOf(process.pid));
    expect(readdirSync(dir.path)).toEqual(['up.pid']);
    unlock();
  });

  it('says so when the folder cannot be made or written', () => {
    using dir = tempDir();
    const file = join(dir.path, 'file');
    writeFileSync(file, '');
    expect(() => lockHome(file)).toThrow(expect.objectContaining({ code: 'HOME_NOT_WRITABLE' }));
    expect(() => lockHome(join(file, 'below'))).toThrow(expect.objectContaining({ code: 'HOME_NOT_WRITABLE' }));
    // Somebody put a folder where the lock belongs: not ours to remove.
    mkdirSync(join(dir.path, 'up.pid'));
    expect(() => lockHome(dir.path)).toThrow(expect.objectContaining({ code: 'HOME_NOT_WRITABLE' }));
  });
});

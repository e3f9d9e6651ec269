import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import {
  createDurably,
  namesIn,
  readIfThere,
  removeUnfinished,
  replaceSecret,
  wipeFile,
  writeDurably,
} from './durable-file.js';

const mode = (file: string): number => statSync(file).mode & 0o777;

describe('durable files', () => {
  it('are readable by their owner alone, in folders made for nobody else', () => {
    using dir = tempDir();
    const file = join(dir.path, 'a', 'b', 'secret');
    writeDurably(file, 'x');
    expect([mode(file), mode(join(dir.path, 'a')), mode(join(dir.path, 'a', 'b'))]).toEqual([0o600, 0o700, 0o700]);
  });

  it('replace the content whole and leave nothing else behind', () => {
    using dir = tempDir();
    const file = join(dir.path, 'state');
    writeDurably(file, new Uint8Array(100_000).fill(1));
    writeDurably(file, Uint8Array.of(2, 3));
    expect([...readFileSync(file)]).toEqual([2, 3]);
    expect(readdirSync(dir.path)).toEqual(['state']);
  });

  it('clean up after a write that fails', () => {
    using dir = tempDir();
    mkdirSync(join(dir.path, 'taken'));
    expect(() => writeDurably(join(dir.path, 'taken'), 'x')).toThrow('EISDIR');
    expect(readdirSync(dir.path)).toEqual(['taken']);
  });

  it('are created once: the second writer is told and changes nothing', () => {
    using dir = tempDir();
    const file = join(dir.path, 'once');
    expect(createDurably(file, 'first')).toBe(true);
    expect(createDurably(file, 'second')).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('first');
    expect(readdirSync(dir.path)).toEqual(['once']);
  });

  it('read as null when absent, and any other trouble is thrown', () => {
    using dir = tempDir();
    expect(readIfThere(join(dir.path, 'absent'))).toBeNull();
    expect(namesIn(join(dir.path, 'absent'))).toEqual([]);
    expect(() => readIfThere(dir.path)).toThrow('EISDIR');
  });

  it('leave nothing of a secret where it lay, when it is replaced, wiped or was left unfinished', () => {
    using dir = tempDir();
    const at = (name: string): string => join(dir.path, name);
    // A second name of the same blocks shows what is in them.
    const zeros = (name: string): boolean => readFileSync(at(name)).equals(Buffer.alloc(6));
    const killed = `killed.${randomUUID()}.new`;
    for (const name of ['replaced', 'wiped', killed]) {
      writeFileSync(at(name), 'secret');
      linkSync(at(name), at(`${name} blocks`));
    }
    replaceSecret(at('replaced'), Buffer.from('newer'));
    wipeFile(at('wiped'));
    wipeFile(at('wiped'));
    removeUnfinished(dir.path);
    expect(readFileSync(at('replaced'), 'utf8')).toBe('newer');
    expect(readdirSync(dir.path).toSorted()).toEqual([
      `${killed} blocks`,
      'replaced',
      'replaced blocks',
      'wiped blocks',
    ]);
    expect([`${killed} blocks`, 'replaced blocks', 'wiped blocks'].map(zeros)).toEqual([true, true, true]);
    replaceSecret(at('fresh'), Buffer.from('first'));
    expect(readFileSync(at('fresh'), 'utf8')).toBe('first');
  });

  it('stay whole when their writer was killed between giving them their name and taking the unfinished one away', () => {
    using dir = tempDir();
    const file = join(dir.path, 'keys.json');
    writeFileSync(file, 'secret');
    linkSync(file, `${file}.${randomUUID()}.new`);
    removeUnfinished(dir.path);
    expect(readFileSync(file, 'utf8')).toBe('secret');
    expect(readdirSync(dir.path)).toEqual(['keys.json']);
  });

  it('forget what a killed writer left unfinished', () => {
    using dir = tempDir();
    const names = ['draft.new', 'epoch', 'notes.2026.new'];
    for (const name of [...names, `epoch.${randomUUID()}.new`]) writeFileSync(join(dir.path, name), 'secret');
    removeUnfinished(dir.path);
    // What others call new is theirs.
    expect(readdirSync(dir.path).toSorted()).toEqual(names);
    expect(readFileSync(join(dir.path, 'draft.new'), 'utf8')).toBe('secret');
    removeUnfinished(join(dir.path, 'absent'));
  });
});

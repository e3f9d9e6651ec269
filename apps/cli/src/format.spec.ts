import { describe, expect, it, vi } from 'vitest';
import { output, size, table, time } from './format.js';

describe('table', () => {
  it('aligns columns by their widest cell and leaves no space at a line’s end', () => {
    expect(
      table(
        ['a', 'long head'],
        [
          ['wide cell', 'x'],
          ['y', ''],
        ],
      ),
    ).toBe('a          long head\nwide cell  x\ny\n');
  });

  it('is its head when there are no rows', () => {
    expect(table(['a', 'b'], [])).toBe('a  b\n');
  });

  it('lets no cell act on the terminal or forge a line', () => {
    expect(table(['a', 'b'], [['\x1b[2J\n', '\u202e']])).toBe('a               b\n\\u{1b}[2J\\u{a}  \\u{202e}\n');
  });

  it('cuts long cells, the last one where it is no longer a sentence', () => {
    const [, line] = table(['a', 'b'], [['L'.repeat(2_000_000), 'x'.repeat(400)]]).split('\n');
    expect(line).toBe(`${'L'.repeat(79)}…  ${'x'.repeat(400)}`);
  });

  it('takes very many rows', () => {
    expect(
      table(
        ['a'],
        Array.from({ length: 300_000 }, () => ['x']),
      ),
    ).toHaveLength(600_002);
  });
});

describe('size', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [14_600, '14.3 KiB'],
    [2 ** 20, '1.0 MiB'],
    [5.5 * 2 ** 30, '5.5 GiB'],
    [2 ** 52, '4096.0 TiB'],
  ])('says %d bytes as %s', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });
});

describe('time', () => {
  it('says UTC and means it', () => {
    expect(time('2026-11-23T07:19:59.999+02:00')).toBe('2026-11-23 05:19 UTC');
  });
});

describe('output', () => {
  it('writes one document or the text', () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    output('json', { a: [1] }, () => 'unused');
    output('text', 3, (value) => `${value + 1}\n`);
    expect(written).toEqual(['{\n  "a": [\n    1\n  ]\n}\n', '4\n']);
  });
});

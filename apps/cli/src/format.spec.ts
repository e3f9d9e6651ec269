import { describe, expect, it, vi } from 'vitest';
import { output, table, time } from './format.js';

describe('table', () => {
  it('aligns columns by their widest cell and leaves no space at a line’s end', () => {
    expect(table(['a', 'long head'], [['wide cell', 'x'], ['y', '']])).toBe('a          long head\nwide cell  x\ny\n');
  });

  it('is its head when there are no rows', () => {
    expect(table(['a', 'b'], [])).toBe('a  b\n');
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

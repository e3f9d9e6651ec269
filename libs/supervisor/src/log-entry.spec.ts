import { describe, expect, it } from 'vitest';
import { parseEntry } from './log-entry.js';

describe('parseEntry', () => {
  it('reads what a person needs of an entry', () => {
    expect(parseEntry('{"site":"va","level":"error","code":"DATA_EMPTY","message":"no rows"}')).toEqual({
      level: 'error',
      code: 'DATA_EMPTY',
      message: 'no rows',
    });
    expect(parseEntry('{"code":"PORT_IN_USE","message":"taken"}')).toEqual({ code: 'PORT_IN_USE', message: 'taken' });
  });

  it.each(['', 'Error: x', '    at file.js:1:1', 'null', '[]', '3', '{"level":"error"}', '{"message":{"no":"text"}}'])(
    '%j is none',
    (line) => {
      expect(parseEntry(line)).toBeNull();
    },
  );
});

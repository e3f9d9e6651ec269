import { describe, expect, it } from 'vitest';
import { pastedToken, splitToken } from './token.js';

describe('splitToken', () => {
  it('takes the token of the link that is handed out and leaves nothing', () => {
    expect(splitToken('#token=abc.def')).toEqual({ token: 'abc.def', rest: '' });
  });
  it('takes the token from behind a route and keeps the route', () => {
    expect(splitToken('#/models/heart-disease/5?token=a%2Bb')).toEqual({
      token: 'a+b',
      rest: '#/models/heart-disease/5',
    });
  });
  it('keeps other fields', () => {
    expect(splitToken('#/runs?round=2&token=abc')).toEqual({ token: 'abc', rest: '#/runs?round=2' });
  });
  it.each(['', '#/', '#/models', '#token=', '#/models?token='])('finds none in %j', (fragment) => {
    expect(splitToken(fragment).token).toBeNull();
  });
});

describe('pastedToken', () => {
  it('reads a whole link and a bare token', () => {
    expect(pastedToken(' http://127.0.0.1:7400/#token=abcdefgh ')).toBe('abcdefgh');
    expect(pastedToken('abcdefgh-1234_5')).toBe('abcdefgh-1234_5');
  });
  it.each(['', 'short', 'two words here', 'http://127.0.0.1:7400/', 'http://127.0.0.1:7400/#/models'])(
    'refuses %j',
    (text) => {
      expect(pastedToken(text)).toBeNull();
    },
  );
});

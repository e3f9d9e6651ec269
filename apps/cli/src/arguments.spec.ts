import { describe, expect, it } from 'vitest';
import { wantedFloat32 } from './arguments.js';

describe('wantedFloat32', () => {
  const parse = wantedFloat32('a number above 0', (value) => value > 0);

  it.each(['0.5', '1', '3e38', '1e-40'])('takes %s', (text) => {
    expect(parse(text)).toBe(Number(text));
  });

  it.each(['1e300', '3.5e38', 'Infinity', '1e-300', '-1', '', 'x'])(
    'refuses %j, which float32 does not hold above 0',
    (text) => {
      expect(() => parse(text)).toThrow('wanted: a number above 0 in the range of float32');
    },
  );
});

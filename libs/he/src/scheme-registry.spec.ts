import { describe, expect, it } from 'vitest';
import { defineScheme } from './define-scheme.js';
import { SchemeRegistry } from './scheme-registry.js';
import { schemes } from './schemes.js';
import { expectCode, headerOf } from './testing/federation.js';
import { withPlainMasking } from './testing/index.js';
import { plainMasking } from './testing/plain-masking.fixture.js';
import { describeScheme } from './testing/scheme.contract.js';

const known = schemes.names.map((name) => schemes.named(name));

describe('a registry of schemes', () => {
  it('serves a third one by its name, and tells it apart from the others by every header', () => {
    expect(withPlainMasking.names).toEqual([...schemes.names, 'plain-masking']);
    for (const name of withPlainMasking.names) {
      for (const other of withPlainMasking.names) {
        const layout = (): unknown => withPlainMasking.named(name).layout(headerOf(other, 3, 2));
        if (other === name) expect(layout()).toHaveProperty('valuesPerBlock');
        else expectCode('HEADER_INVALID', layout);
      }
    }
  });

  it('refuses a name that nobody has with those there are', () => {
    expect(() => withPlainMasking.named('rot13')).toThrow('ckks-threshold, one-time-key, plain-masking');
    expectCode('HEADER_INVALID', () => schemes.named('plain-masking'));
  });

  it('loads each half of a scheme once, and again when that failed', async () => {
    const never = (): never => expect.fail('nobody asks for arithmetic here');
    let loads = 0;
    const scheme = defineScheme({
      ...plainMasking,
      stateSections: [],
      parameters: plainMasking.layout,
      secretHalf: async () => never,
      publicHalf: async () => {
        if (loads++ === 0) throw new Error('not there yet');
        return { adder: never, combine: never };
      },
    });
    await expect(scheme.aggregator()).rejects.toThrow('not there yet');
    await Promise.all([scheme.aggregator(), scheme.aggregator()]);
    expect(loads).toBe(2);
  });

  it('refuses two of one name, and a name that no federation.yaml may use', () => {
    expect(() => new SchemeRegistry([...known, { ...plainMasking, name: 'one-time-key' }])).toThrow(
      'two encryption schemes have one name',
    );
    expect(() => new SchemeRegistry([{ ...plainMasking, name: 'Plain masking' }])).toThrow('is no name');
  });
});

describeScheme(withPlainMasking.named('plain-masking'), { keyShareBytes: 3 * 2 * 32 });

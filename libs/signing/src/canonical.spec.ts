import { createHash } from 'node:crypto';
import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, sha256Hex } from './canonical.js';
import { vectors } from './vectors.fixture.js';

interface Input {
  readonly json_text?: string;
  readonly ieee754_hex?: string;
}
interface Expected {
  readonly canonical_hex?: string;
  readonly sha256?: string;
  readonly text?: string;
  readonly error?: boolean;
}

const known = vectors<Input, Expected>('jcs_rfc8785.json');
const text = (value: unknown): string => new TextDecoder().decode(canonicalBytes(value));

function valueOf({ json_text: json, ieee754_hex: bits }: Input): unknown {
  return json === undefined ? Buffer.from(bits ?? '', 'hex').readDoubleBE() : JSON.parse(json);
}

describe('canonical bytes', () => {
  it.each(known.filter((v) => !v.expected.error))('follow RFC 8785: $name', async ({ input, expected }) => {
    const bytes = canonicalBytes(valueOf(input));
    expect(Buffer.from(bytes).toString('hex')).toBe(
      expected.canonical_hex ?? Buffer.from(expected.text ?? '').toString('hex'),
    );
    if (expected.sha256) expect(await sha256Hex(bytes)).toBe(expected.sha256);
  });

  it.each(known.filter((v) => v.expected.error))('refuse what has none: $name', ({ input }) => {
    expect(() => canonicalBytes(valueOf(input))).toThrow(Error);
  });

  it.each([
    ['a value', { name: '\ud800' }],
    ['a name', { '\udc00': 1 }],
  ])('refuse half a surrogate pair in %s with a code', (_, value) => {
    expect(() => canonicalBytes(value)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
  ])('refuse %s', (_, value) => {
    expect(() => canonicalBytes(value)).toThrow(TypeError);
  });

  it('do not depend on the order of keys, and read back as the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })), (object) => {
        const shuffled = Object.fromEntries(Object.entries(object).toReversed());
        expect(text(shuffled)).toBe(text(object));
        expect(JSON.parse(text(object))).toEqual(JSON.parse(JSON.stringify(object)));
      }),
      { seed: 1, numRuns: runs(200) },
    );
  });
});

describe('sha256Hex', () => {
  it('agrees with another implementation', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await sha256Hex(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
      }),
      { seed: 2, numRuns: runs(50) },
    );
  });
});

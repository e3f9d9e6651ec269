import { runs } from '@koinon/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64, toHex } from './base64.js';

describe('base64', () => {
  it('agrees with another implementation in both directions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(toBase64(bytes))).toEqual(new Uint8Array(bytes));
      }),
      { seed: 1 },
    );
  });

  it('carries more bytes than one call may have arguments', () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
  });

  it.each([
    ['padding left out', 'QQ'],
    ['padding left out of three', 'QUI'],
    ['bits set behind the last byte', 'QR=='],
    ['bits set behind the last two bytes', 'QUJ='],
    ['a space', 'QU JD'],
    ['a line break', 'QUJD\n'],
    ['the URL alphabet', '-_-_'],
    ['padding in the middle', 'QQ==QQ=='],
    ['too much padding', 'QUI=='],
    ['one character', 'Q'],
    ['another script', 'ÄÄÄÄ'],
  ])('refuses %s', (_, text) => {
    expect(() => fromBase64(text)).toThrow(TypeError);
  });

  it('is the one text of its bytes: no two texts decode to the same', () => {
    fc.assert(
      fc.property(fc.base64String({ maxLength: 40 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase64(text);
        } catch {
          return;
        }
        expect(toBase64(bytes)).toBe(text);
      }),
      { seed: 3, numRuns: runs(300) },
    );
  });
});

describe('toHex', () => {
  it('writes two lower-case digits per byte', () => {
    expect(toHex(Uint8Array.of(0, 10, 171, 255))).toBe('000aabff');
    expect(toHex(new Uint8Array())).toBe('');
  });
});

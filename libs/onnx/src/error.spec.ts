import { describe, expect, it } from 'vitest';
import { quoted } from './error.js';
import { OnnxError, decodeModel, encodeModel, printable } from './index.js';
import { logisticModel } from './models.fixture.js';

/** Everything that moves the cursor, changes colours, ends lines or turns the direction of writing. */
const ACTING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe('printable', () => {
  it.each([
    ['an escape sequence', '\u001B[2J', '\\u{1b}[2J'],
    ['an 8-bit escape sequence', '\u009B31m', '\\u{9b}31m'],
    ['a line end', 'a\r\nb', 'a\\u{d}\\u{a}b'],
    ['a separator that some terminals break at', 'a\u2028b', 'a\\u{2028}b'],
    ['a change of direction', 'a\u202Eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
    ['characters of no width', 'a\u200Bb\uFEFF\u{E0041}', 'a\\u{200b}b\\u{feff}\\u{e0041}'],
    ['half a pair', 'a\uD83D', 'a\\u{d83d}'],
    ['nothing of that', 'größe/重量 "x\\y" 🙂', 'größe/重量 "x\\y" 🙂'],
  ])('writes %s harmlessly', (_, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('cuts before it escapes, and never leaves half a pair', () => {
    expect(printable('n'.repeat(80))).toBe('n'.repeat(80));
    expect(printable('n'.repeat(81))).toBe(`${'n'.repeat(79)}…`);
    expect(printable('🙂🙂🙂', 4)).not.toMatch(ACTING);
  });
});

describe('quoted', () => {
  it('gives a name no way out of its quotes', () => {
    expect(quoted('a" (Relu)\\')).toBe('"a\\" (Relu)\\\\"');
  });
});

describe('the place of an error', () => {
  it('shows an operator name of the file harmlessly and cut, also while the file is decoded', () => {
    const model = logisticModel();
    Object.assign(model.graph.nodes[0]!, {
      op: `\u001B[2J${'o'.repeat(5_000)}`,
      name: '\u202E',
      attributes: { a: { kind: 'int', value: 1 }, b: { kind: 'int', value: 1 } },
    });
    const bytes = encodeModel(model);
    // The second attribute gets the name of the first: 0a 01 'b' → 0a 01 'a'.
    const second = bytes.findIndex(
      (byte, index) => byte === 0x0a && bytes[index + 1] === 1 && bytes[index + 2] === 0x62,
    );
    bytes[second + 2] = 0x61;
    const refusal = expect.toSatisfy(
      (error: unknown) =>
        error instanceof OnnxError &&
        error.code === 'ONNX_DUPLICATE_NAME' &&
        !ACTING.test(error.message) &&
        error.message.length < 200,
    );
    expect(() => decodeModel(bytes)).toThrow(refusal as Error);
  });
});

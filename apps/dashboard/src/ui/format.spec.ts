import { describe, expect, it } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatChange,
  formatDuration,
  formatLatency,
  formatNumber,
  formatRate,
  shortDigest,
  words,
} from './format.js';

describe('format', () => {
  it.each([
    [0, '0 ms'],
    [949, '949 ms'],
    [950, '0.9 s'],
    [12_345, '12.3 s'],
    [99_949, '99.9 s'],
    [100_000, '1 min 40 s'],
    [3_599_999, '59 min 59 s'],
    [7_440_000, '2 h 04 min'],
    [-5, '0 s'],
  ])('duration of %d ms', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1049, '1.0 kB'],
    [262_402, '262 kB'],
    [16_300_000, '16.3 MB'],
    [999_600, '1.0 MB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [4_000, 'just now'],
    [59_000, '59 s ago'],
    [3_599_000, '59 min ago'],
    [86_399_000, '23 h ago'],
    [6 * 86_400_000, '6 d ago'],
    [30 * 86_400_000, '2026-10-24'],
  ])('%d ms ago', (ms, text) => {
    const now = Date.parse('2026-11-23T12:00:00Z');
    expect(formatAgo(now - ms, now)).toBe(text);
  });

  it('prints rates and their changes', () => {
    expect([0.8021, 1, 0].map(formatRate)).toEqual(['.802', '1.000', '.000']);
    expect([0.0234, -0.0126, 0.0004, -0.0004].map(formatChange)).toEqual(['+.023', '−.013', '±.000', '±.000']);
  });

  it('prints numbers short and latencies in milliseconds', () => {
    expect([0, 1.2, 0.9437, 0.001, 0.00001, 12_345].map(formatNumber)).toEqual([
      '0',
      '1.2',
      '0.944',
      '0.001',
      '1e-5',
      '12,345',
    ]);
    expect([0.214, 12.44, 250.4].map(formatLatency)).toEqual(['0.21 ms', '12.4 ms', '250 ms']);
  });

  it('shortens digests and splits names into words', () => {
    expect(shortDigest('0123456789abcdef'.repeat(4))).toBe('01234567…cdef');
    expect(words('serverLearningRate')).toBe('server learning rate');
  });
});

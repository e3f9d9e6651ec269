import { describe, expect, it, vi } from 'vitest';
import { HeError, type KeyEpochHeader, headerDigest, schemes } from './index.js';
import { headerOf } from './testing/federation.js';

vi.mock('node-seal/allows', () => {
  throw new Error('SEAL was loaded');
});

describe('package', () => {
  it('loads SEAL for CKKS sites and for nobody else', async () => {
    const ckks = schemes.named('ckks-threshold');
    expect(ckks.layout(headerOf('ckks-threshold', 3, 2)).valuesPerBlock).toBe(16_384);
    for (const name of schemes.names) await schemes.named(name).aggregator();
    await schemes.named('one-time-key').site();
    await expect(ckks.site()).rejects.toThrow('mocking a module');
  });

  it('names its schemes, and each serves headers of its own name alone', () => {
    expect(schemes.names).toEqual(['ckks-threshold', 'one-time-key']);
    expect(() => schemes.named('rot13')).toThrow(/ckks-threshold, one-time-key/);
    for (const name of schemes.names) {
      for (const other of schemes.names) {
        const layout = (): unknown => schemes.named(name).layout(headerOf(other, 3, 2));
        if (other === name) expect(layout()).toBeDefined();
        else expect(layout).toThrow(HeError);
      }
    }
  });

  it('digests every field of a header', () => {
    const header = headerOf('ckks-threshold', 3, 2);
    const changes: Partial<KeyEpochHeader>[] = [
      {},
      { scheme: 'one-time-key' },
      { keyEpochId: 'other' },
      { seed: '00'.repeat(32) },
      { roster: header.roster.toReversed() },
      { threshold: 3 },
      { minUploads: 3 },
      { bits: 8 },
      { sums: 3 },
    ];
    const digests = changes.map((change) => headerDigest({ ...header, ...change }));
    expect(new Set(digests).size).toBe(changes.length);
    expect(headerDigest({ ...header })).toBe(digests[0]);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});

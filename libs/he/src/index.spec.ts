import { describe, expect, it, vi } from 'vitest';
import { HeError, type EpochHeader, headerDigest, siteScheme, sumScheme } from './index.js';
import { headerOf } from './testing/federation.js';

vi.mock('node-seal/allows', () => {
  throw new Error('SEAL was loaded');
});

describe('package', () => {
  it('loads SEAL for CKKS sites and for nobody else', async () => {
    const coordinator = await sumScheme('ckks-threshold');
    expect(coordinator.layout(headerOf('ckks-threshold', 3, 2)).valuesPerBlock).toBe(16_384);
    expect((await sumScheme('one-time-key')).id).toBe('one-time-key');
    expect((await siteScheme('one-time-key')).id).toBe('one-time-key');
    await expect(siteScheme('ckks-threshold')).rejects.toThrow('mocking a module');
  });

  it('names its schemes', async () => {
    for (const open of [siteScheme, sumScheme])
      await expect(open('rot13' as 'one-time-key')).rejects.toBeInstanceOf(HeError);
    const [ckks, masks] = await Promise.all([sumScheme('ckks-threshold'), sumScheme('one-time-key')]);
    expect(() => ckks.layout(headerOf('one-time-key', 3, 2))).toThrow(HeError);
    expect(() => masks.layout(headerOf('ckks-threshold', 3, 2))).toThrow(HeError);
  });

  it('digests every field of a header', () => {
    const header = headerOf('ckks-threshold', 3, 2);
    const changes: Partial<EpochHeader>[] = [
      {},
      { scheme: 'one-time-key' },
      { epochId: 'other' },
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

import type { KeyEpochHeader } from '@koinon/he';
import { describe, expect, it } from 'vitest';
import { federation } from '../testing/federation.js';
import { checkTerms } from './key-epoch-terms.js';

describe('the terms of a key epoch', () => {
  const header: KeyEpochHeader = {
    scheme: 'one-time-key',
    version: 1,
    keyEpochId: 'e',
    seed: '5e'.repeat(32),
    roster: ['a', 'b', 'c', 'd', 'e'],
    threshold: 3,
    minUploads: 4,
    bits: 16,
    sums: 2,
  };
  const sites = { ...federation.sites, min: 4, threshold: 'majority' } as const;
  const { encryption } = federation;

  it('are at least those of the federation', () => {
    expect(() => checkTerms(header, { sites, encryption })).not.toThrow();
    expect(() => checkTerms({ ...header, threshold: 4, minUploads: 5 }, { sites, encryption })).not.toThrow();
  });

  it.each<[string, Partial<KeyEpochHeader>, Partial<typeof federation.sites>]>([
    ['encryption.scheme', { scheme: 'ckks-threshold' }, {}],
    ['encryption.bits', { bits: 8 }, {}],
    ['sites.threshold', { threshold: 2 }, {}],
    ['sites.threshold', {}, { threshold: 4 }],
    ['sites.min', { minUploads: 3 }, {}],
    ['sites.min', {}, { min: 5 }],
  ])('are refused when %s is less', (term, changes, asked) => {
    expect(() => checkTerms({ ...header, ...changes }, { sites: { ...sites, ...asked }, encryption })).toThrow(
      expect.objectContaining({ code: 'EPOCH_TERMS_DIFFER', detail: term }) as Error,
    );
  });
});

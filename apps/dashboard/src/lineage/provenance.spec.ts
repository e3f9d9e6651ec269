import { describe, expect, it } from 'vitest';
import { canonicalBytes, toBase64 } from '@koinon/signing';
import { lineageSchema, type Lineage, type VersionView } from '@koinon/contracts';
import { ancestorsOf, checkStatement } from './provenance.js';

const version = (number: number, baseVersion: number | null) => ({ version: number, baseVersion }) as VersionView;

describe('ancestorsOf', () => {
  it('follows bases, not numbers', () => {
    const versions = [version(4, 2), version(3, 2), version(2, 1), version(1, null)];
    expect(ancestorsOf(versions, 4).map((v) => v.version)).toEqual([1, 2, 4]);
  });
  it('stops at a base that is missing or not older', () => {
    expect(ancestorsOf([version(3, 2)], 3).map((v) => v.version)).toEqual([3]);
    expect(ancestorsOf([version(1, 2), version(2, 1)], 2).map((v) => v.version)).toEqual([1, 2]);
    expect(ancestorsOf([], 1)).toEqual([]);
  });
});

describe('checkStatement', () => {
  const sha256 = 'a'.repeat(64);
  const lineage: Lineage = {
    model: 'heart-disease',
    version: 2,
    baseVersion: 1,
    runId: null,
    round: null,
    cohort: [{ site: 'cleveland', uploadRoot: 'b'.repeat(64) }],
    exclusions: [],
    strategy: null,
    local: null,
    privacy: null,
    encryption: null,
    recordsSchemaSha256: null,
    code: { version: '0.1.0', lockfileSha256: null },
  };
  const check = (payload: unknown) =>
    checkStatement({
      sha256,
      lineage,
      statement: {
        payloadType: 'application/vnd.in-toto+json',
        payload: toBase64(canonicalBytes(payload)),
        signatures: [],
      },
    });
  const statement = { subject: [{ name: 'model.onnx', digest: { sha256 } }], predicate: lineage };

  it('accepts a statement of what is shown, with fields it does not know', () => {
    expect(check(statement)).toBe('matches');
    expect(check({ ...statement, predicate: { ...lineage, approvedBy: 'somebody' } })).toBe('matches');
  });
  it('accepts what was signed before the digest of the records schema, key epoch and decryptors got their present names', () => {
    const { recordsSchemaSha256: _, ...rest } = lineage;
    const [key, sites] = ['00000000-0000-4000-8000-000000000001', ['cleveland', 'hungary']];
    const encryption = { scheme: 'ckks-threshold', threshold: 2, sumRoot: 'e'.repeat(64) };
    const before = {
      ...statement,
      predicate: {
        ...rest,
        featureSchemaSha256: 'd'.repeat(64),
        encryption: { ...encryption, epochId: key, activeSet: sites },
      },
    };
    const payload = toBase64(canonicalBytes(before));
    const shown = lineageSchema.parse(before.predicate);
    expect(shown.recordsSchemaSha256).toBe('d'.repeat(64));
    expect(shown.encryption).toEqual({ ...encryption, keyEpochId: key, decryptors: sites });
    expect(
      checkStatement({
        sha256,
        lineage: shown,
        statement: { payloadType: 'application/vnd.in-toto+json', payload, signatures: [] },
      }),
    ).toBe('matches');
  });
  it('finds another model file, another upload, a missing exclusion', () => {
    expect(check({ ...statement, subject: [{ digest: { sha256: 'c'.repeat(64) } }] })).toBe('differs');
    expect(
      check({ ...statement, predicate: { ...lineage, cohort: [{ site: 'cleveland', uploadRoot: 'c'.repeat(64) }] } }),
    ).toBe('differs');
    expect(
      check({ ...statement, predicate: { ...lineage, exclusions: [{ site: 'hungary', code: 'UPLOAD_INCOMPLETE' }] } }),
    ).toBe('differs');
    expect(check({})).toBe('differs');
  });
  it('says so when it cannot be read', () => {
    expect(check('text')).toBe('unreadable');
    expect(checkStatement({ sha256, lineage, statement: { payloadType: 'x', payload: 'AAAA', signatures: [] } })).toBe(
      'unreadable',
    );
  });
});

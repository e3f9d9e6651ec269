import { appendFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataFile } from '@koinon/heart-disease';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { isSameFederation } from '../federation-identity.js';
import { planFrom, type UpFlags } from './options.js';

const plan = (flags: Partial<UpFlags> = {}) => planFrom({ format: 'text', ...flags });

describe('planFrom', () => {
  it('is federation.yaml when nothing is said', () => {
    const { spec, seed, insecureDeterministic, files } = plan();
    expect(spec).toMatchObject({
      name: 'heart-disease',
      privacy: { epsilon: 1.2, delta: 1e-3 },
      encryption: { scheme: 'ckks-threshold' },
    });
    expect({ seed, insecureDeterministic }).toEqual({ seed: undefined, insecureDeterministic: false });
    expect(files['va']).toBe(dataFile('va'));
  });

  it('turns noise off everywhere, the record count’s too', () => {
    expect(plan({ epsilon: 'off' }).spec.privacy).toMatchObject({
      epsilon: null,
      recordCountNoise: 0,
      clippingNorm: 1,
    });
    expect(plan({ epsilon: 0.5 }).spec.privacy).toMatchObject({ epsilon: 0.5, recordCountNoise: 10 });
  });

  it('makes a federation of its own of every set of options, and none of how it is shown', () => {
    const all: Partial<UpFlags>[] = [
      {},
      { seed: 0 },
      { seed: 1 },
      { epsilon: 0.5 },
      { epsilon: 'off' },
      { encryption: 'one-time-key' },
      { seed: 1, insecureDeterministic: true },
    ];
    const same = all.map((one) => all.filter((other) => isSameFederation(plan(one).identity, plan(other).identity)));
    expect(same).toEqual(all.map((one) => [one]));
    expect(isSameFederation(plan({ once: true, format: 'json', port: 1 }).identity, plan().identity)).toBe(true);
    expect(isSameFederation(plan({ epsilon: 1.2, encryption: 'ckks-threshold' }).identity, plan().identity)).toBe(true);
  });

  it('takes the data by content: a copy is the same federation, a changed or missing table is not', () => {
    using dir = tempDir();
    cpSync(dirname(dataFile('va')), dir.path, { recursive: true });
    const copy = plan({ data: dir.path });
    expect(copy.files['va']).toBe(join(dir.path, 'processed.va.data'));
    expect(isSameFederation(copy.identity, plan().identity)).toBe(true);
    appendFileSync(join(dir.path, 'processed.va.data'), '\n');
    const changed = plan({ data: dir.path });
    rmSync(join(dir.path, 'processed.va.data'));
    const missing = plan({ data: dir.path });
    for (const [one, other] of [
      [copy, changed],
      [changed, missing],
      [missing, copy],
    ] as const)
      expect(isSameFederation(one.identity, other.identity)).toBe(false);
    // A table that cannot be read is its hospital's to report.
    mkdirSync(join(dir.path, 'processed.va.data'));
    expect(() => plan({ data: dir.path })).not.toThrow();
  });

  it('refuses what makes no sense, with a code', () => {
    expect(() => plan({ insecureDeterministic: true })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => plan({ data: '/no/such/folder' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => plan({ data: dataFile('va') })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    const unknown = [{ path: 'encryption.scheme', message: 'is none of ckks-threshold, one-time-key' }];
    expect(() => plan({ encryption: 'rot13' })).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', issues: unknown }),
    );
    expect(() => plan({ epsilon: 21 })).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ path: 'privacy.epsilon' })] }),
    );
  });
});

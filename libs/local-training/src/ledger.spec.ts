import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { calibrateNoise, LEAST_NOISE_MULTIPLIER } from '@koinon/privacy';
import { fit } from '@koinon/secure-tasks';
import { bitStep } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLedger, type LedgerEntry } from './ledger-file.js';
import { PrivacyLedger, type LedgerOptions } from './ledger.js';
import { checkedNoise } from './noise-plan.js';
import { TrainingError } from './training-error.js';

const budget = { epsilon: 1.2, delta: 1e-3 };
const federation = {
  rounds: 5,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
  privacy: { unit: 'record', ...budget, clippingNorm: 1, accountant: 'rdp', recordCountNoise: 10 },
} as const;
const noise = calibrateNoise({
  ...budget,
  accountant: 'rdp',
  samplingRate: 0.3,
  steps: 25,
  besides: [{ kind: 'gaussian', noiseMultiplier: 10, releases: 1 }],
});
const charged = (noiseMultiplier: number, of: Parameters<typeof fit.charge>[0]['federation'] = federation) =>
  fit.charge({ federation: of, noiseMultiplier });
const plan = checkedNoise(federation, charged(noise));
const options: LedgerOptions = { budget, accountant: 'rdp', randomBytes };

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'koinon-ledger-'));
  file = join(folder, 'ledger.json');
  PrivacyLedger.create(file);
});
afterEach(() => rmSync(folder, { recursive: true }));

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TrainingError || error instanceof CodedError) return error.code;
    throw error;
  }
  return 'none';
}

describe('PrivacyLedger', () => {
  it('pays for the record count and every round of one planned run, and for nothing more', () => {
    const ledger = PrivacyLedger.open(file, options);
    for (let round = 1; round <= 5; round++) ledger.chargeRound({ runId: 'run', round }, 85, plan);
    expect(ledger.spent(budget.delta)).toBeLessThanOrEqual(1.2);
    expect(ledger.spent(budget.delta)).toBeGreaterThan(1.199);
    expect(codeOf(() => ledger.chargeRound({ runId: 'run', round: 6 }, 85, plan))).toBe('TRAINING_BUDGET_EXHAUSTED');
    expect(ledger.mechanisms).toHaveLength(6);
  });

  it('charges nothing where the steps of a round no longer fit: the record count alone would', () => {
    const ledger = PrivacyLedger.open(file, { ...options, budget: { epsilon: 0.5, delta: 1e-3 } });
    const cheapCount = { ...plan, recordCount: { ...plan.recordCount, noiseMultiplier: 100 } };
    const tooMuch = { ...cheapCount, round: { ...plan.round, noiseMultiplier: 1 } };
    expect(codeOf(() => ledger.chargeRound({ runId: 'run', round: 1 }, 85, tooMuch))).toBe('TRAINING_BUDGET_EXHAUSTED');
    expect(ledger.mechanisms).toEqual([]);
    expect(readLedger(file)).toEqual([]);
    ledger.chargeRound({ runId: 'run', round: 1 }, 85, { ...cheapCount, round: { ...plan.round, noiseMultiplier: 9 } });
    expect(ledger.mechanisms).toHaveLength(2);
  });

  it('charges no round over more rows than the sensitivity allows for: a table may grow within a run', () => {
    const ledger = PrivacyLedger.open(file, options);
    const counted = ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan);
    const most = Math.floor(counted + 8 * 10);
    expect(codeOf(() => ledger.chargeRound({ runId: 'run', round: 2 }, most + 1, plan))).toBe('TRAINING_DATA_INVALID');
    expect(ledger.mechanisms).toHaveLength(2);
    expect(ledger.chargeRound({ runId: 'run', round: 2 }, most, plan)).toBe(counted);
  });

  it('lets a table grow where no noise asks for a bound', () => {
    const ledger = PrivacyLedger.open(file, { ...options, budget: null });
    const exact = { ...plan, recordCount: { ...plan.recordCount, noiseMultiplier: 0 } };
    for (const [index, rows] of [85, 200].entries())
      expect(ledger.chargeRound({ runId: 'run', round: index + 1 }, rows, exact)).toBe(85);
  });

  it('remembers every charge after the process is gone', () => {
    const ledger = PrivacyLedger.open(file, options);
    ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan);
    const spent = PrivacyLedger.open(file, options).spent(budget.delta);
    expect(spent).toBeGreaterThan(0.3);
    expect(ledger.spent(budget.delta)).toBe(spent);
    expect(PrivacyLedger.open(file, options).mechanisms).toEqual([plan.recordCount, plan.round]);
  });

  it('draws the record count of a run once, also over a restart', () => {
    const first = PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 1 }, 85, plan);
    const again = PrivacyLedger.open(file, options);
    expect(again.chargeRound({ runId: 'run', round: 2 }, 85, plan)).toBe(first);
    expect(again.mechanisms).toEqual([plan.recordCount, plan.round, plan.round]);
    expect(first).not.toBe(85);
    expect(first).toBeGreaterThanOrEqual(1);
  });

  it('lets an unreleased round be repeated without a second charge and a released one never', () => {
    const ledger = PrivacyLedger.open(file, options);
    expect(ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan)).toBe(
      ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan),
    );
    expect(ledger.mechanisms).toHaveLength(2);
    expect(
      codeOf(() =>
        ledger.chargeRound({ runId: 'run', round: 1 }, 85, { ...plan, round: { ...plan.round, noiseMultiplier: 99 } }),
      ),
    ).toBe('MESSAGE_CONFLICT');
    expect(
      codeOf(() =>
        ledger.chargeRound({ runId: 'run', round: 2 }, 85, {
          ...plan,
          recordCount: { ...plan.recordCount, noiseMultiplier: 99 },
        }),
      ),
    ).toBe('MESSAGE_CONFLICT');
    ledger.release({ runId: 'run', round: 1 });
    expect(codeOf(() => PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 1 }, 85, plan))).toBe(
      'TRAINING_ALREADY_RELEASED',
    );
    expect(codeOf(() => ledger.release({ runId: 'run', round: 2 }))).toBe('LEDGER_UNUSABLE');
    expect(ledger.mechanisms).toHaveLength(2);
  });

  it('refuses training without noise unless the site has no budget, and then shows infinity', () => {
    const free = { ...plan, round: { ...plan.round, noiseMultiplier: 0 } };
    expect(codeOf(() => PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 1 }, 85, free))).toBe(
      'TRAINING_NOISE_REQUIRED',
    );
    const open = PrivacyLedger.open(file, { ...options, budget: null });
    open.chargeRound({ runId: 'run', round: 1 }, 85, free);
    expect(open.spent(budget.delta)).toBe(Infinity);
    expect(codeOf(() => PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 2 }, 85, plan))).toBe(
      'TRAINING_BUDGET_EXHAUSTED',
    );
    expect(
      codeOf(() =>
        open.chargeRound({ runId: 'run', round: 3 }, 85, {
          ...plan,
          round: { ...plan.round, noiseMultiplier: Number.NaN },
        }),
      ),
    ).toBe('TRAINING_JOB_INVALID');
  });

  it.each([
    '',
    '{',
    '{"version":1,"entries":[{"id":"x"}]}',
    '{"version":2,"entries":[]}',
    '{"version":3,"entries":[]}',
  ])('refuses to start over from a damaged file %j', (text) => {
    writeFileSync(file, text);
    expect(codeOf(() => PrivacyLedger.open(file, options))).toBe('LEDGER_UNUSABLE');
  });

  it('reads the last complete state when a write was cut off', () => {
    PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 1 }, 85, plan);
    writeFileSync(`${file}.0.new`, readFileSync(file, 'utf8').slice(0, 40));
    const ledger = PrivacyLedger.open(file, options);
    ledger.chargeRound({ runId: 'run', round: 2 }, 85, plan);
    expect(PrivacyLedger.open(file, options).mechanisms).toHaveLength(3);
  });

  it('charges nothing that it cannot write', () => {
    const below = join(folder, 'below');
    PrivacyLedger.create(join(below, 'ledger.json'));
    const ledger = PrivacyLedger.open(join(below, 'ledger.json'), options);
    rmSync(below, { recursive: true });
    writeFileSync(below, '');
    expect(codeOf(() => ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan))).toBe('LEDGER_UNUSABLE');
    expect(ledger.mechanisms).toHaveLength(0);
  });

  it('is no fresh budget when its file is gone, and is never made over one that is there', () => {
    PrivacyLedger.open(file, options).chargeRound({ runId: 'run', round: 1 }, 85, plan);
    PrivacyLedger.create(file);
    expect(PrivacyLedger.open(file, options).mechanisms).toHaveLength(2);
    rmSync(file);
    expect(codeOf(() => PrivacyLedger.open(file, options))).toBe('LEDGER_MISSING');
  });

  const charged = (): LedgerEntry[] => {
    const ledger = PrivacyLedger.open(file, options);
    ledger.chargeRound({ runId: 'run', round: 1 }, 85, plan);
    ledger.release({ runId: 'run', round: 1 });
    return [...readLedger(file)];
  };

  it('carries over a ledger of before, whole and with a digest from then on', () => {
    const entries = charged();
    writeFileSync(file, `${JSON.stringify({ version: 1, entries }, null, 1)}\n`);
    expect(PrivacyLedger.open(file, options).mechanisms).toHaveLength(2);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: 2, sha256: expect.any(String), entries });
    expect(readLedger(file)).toEqual(entries);
  });

  it('is refused, or says the same, after any single bit of its file has flipped', () => {
    const entries = JSON.stringify(charged());
    const bytes = readFileSync(file);
    let refused = 0;
    let flips = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += bitStep) {
      writeFileSync(file, bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7))));
      // The last digit of a number may say the same number.
      const same = codeOf(() => expect(JSON.stringify(readLedger(file))).toBe(entries)) === 'none';
      refused += same ? 0 : 1;
      flips++;
    }
    expect(refused).toBeGreaterThan((flips * 7) / 8);
  });
});

describe('checkedNoise', () => {
  it('takes what keeps the whole run within its ε and nothing less', () => {
    expect(checkedNoise(federation, charged(plan.noiseMultiplier))).toEqual(plan);
    expect(codeOf(() => checkedNoise(federation, charged(0.99 * plan.noiseMultiplier)))).toBe(
      'TRAINING_NOISE_REQUIRED',
    );
    expect(codeOf(() => checkedNoise(federation, charged(0)))).toBe('TRAINING_NOISE_REQUIRED');
  });

  it('asks no accountant about a record count that is as good as exact, which would take it hours', () => {
    const privacy = { ...federation.privacy, accountant: 'pld', recordCountNoise: 1e-5 } as const;
    const exact = { ...federation, privacy };
    expect(codeOf(() => checkedNoise(exact, charged(plan.noiseMultiplier, exact)))).toBe('TRAINING_NOISE_REQUIRED');
  });

  it('takes no noise that would give away the record that is sampled, however rarely one is', () => {
    const rare = {
      ...federation,
      local: { ...federation.local, samplingRate: 1e-4 },
      privacy: { ...federation.privacy, accountant: 'pld' },
    } as const;
    expect(checkedNoise(rare, charged(LEAST_NOISE_MULTIPLIER, rare)).noiseMultiplier).toBe(LEAST_NOISE_MULTIPLIER);
    expect(codeOf(() => checkedNoise(rare, charged(0.0023, rare)))).toBe('TRAINING_NOISE_REQUIRED');
  });
});

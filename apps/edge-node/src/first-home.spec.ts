import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CodedError } from '@koinon/contracts';
import { PrivacyLedger, checkedNoise, type TrainingError } from '@koinon/local-training';
import { fit } from '@koinon/secure-tasks';
import { isUnused, RosterPins } from '@koinon/site-client';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { ReleaseStore } from './releases/release-store.js';
import { environmentOf } from './testing/node-config.fixture.js';

const first = fileURLToPath(new URL('../kat/home-1', import.meta.url));
const ofThen = (file: string): Buffer => readFileSync(join(first, file));

/** The recipe that this home's budget was spent on. */
const privacy = {
  unit: 'record',
  epsilon: 1.2,
  delta: 1e-3,
  clippingNorm: 1,
  accountant: 'pld',
  recordCountNoise: 10,
} as const;
const local = { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' } as const;
const { entries } = JSON.parse(ofThen('privacy-ledger.json').toString()) as {
  entries: { id: string; mechanism: { noiseMultiplier: number } }[];
};
const federation = { privacy, local, rounds: 5 };
const { noiseMultiplier } = entries.at(-1)!.mechanism;
const plan = checkedNoise(federation, fit.charge({ federation, noiseMultiplier }));

describe('a node’s home of version 1', () => {
  let dir: TempDir;
  let home: string;
  beforeEach(() => {
    dir = tempDir();
    home = join(dir.path, 'home');
    cpSync(first, home, { recursive: true });
    take();
    // A second start finds it done.
    take();
  });
  afterEach(() => dir[Symbol.dispose]());

  const take = () =>
    readConfig(environmentOf(home, 'http://127.0.0.1:7400', ofThen('coordinator.fingerprint').toString()));
  const ledger = () =>
    PrivacyLedger.open(join(home, 'privacy-ledger.json'), { budget: take().budget, accountant: 'pld', randomBytes });
  const refusal = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      return (error as CodedError | TrainingError).code;
    }
    return 'none';
  };

  it('is marked, and its ledger still refuses what it refused before', () => {
    expect(readFileSync(join(home, 'home.json'), 'utf8')).toBe('{"homeVersion":2}');
    expect(readFileSync(join(home, 'privacy-ledger.json')).equals(ofThen('privacy-ledger.json'))).toBe(true);
    expect(ledger().spent(1e-3)).toBeCloseTo(1.2, 2);
    expect(refusal(() => ledger().chargeRound({ runId: randomUUID(), round: 1 }, 150, plan))).toBe(
      'TRAINING_BUDGET_EXHAUSTED',
    );
    const run = entries[0]!.id.split('/')[0]!;
    expect(refusal(() => ledger().chargeRound({ runId: run, round: 5 }, 150, plan))).toBe('TRAINING_ALREADY_RELEASED');
  });

  it('is not one that gets a ledger, where its own is gone', () => {
    rmSync(join(home, 'privacy-ledger.json'));
    expect(isUnused(home)).toBe(false);
    expect(refusal(ledger)).toBe('LEDGER_MISSING');
  });

  it('serves the release that was signed in protocol 1, and keeps the keys it pinned', async () => {
    const { coordinatorKey } = JSON.parse(readFileSync(join(home, 'enrolment.json'), 'utf8')) as {
      coordinatorKey: string;
    };
    const soon = () => Date.parse('2026-12-01T00:00:00.000Z');
    const store = new ReleaseStore(
      join(home, 'releases'),
      coordinatorKey,
      { blob: () => expect.unreachable() },
      0,
      soon,
    );
    expect(await store.restore('heart-disease')).toMatchObject({ version: 6, releaseCounter: 1 });
    expect(new RosterPins(home).fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });
});

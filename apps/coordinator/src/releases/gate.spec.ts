import { describe, expect, it } from 'vitest';
import { passesGate } from './gate.js';

const metrics = (auc: number) => ({ accuracy: 0.5, auc, f1: 0.5, records: 10 });

describe('the promotion gate', () => {
  it('holds back what was not evaluated, even without a bound', () => {
    expect(passesGate(null, {}, 'not there yet')).toEqual({ passed: false, reason: 'no evaluation' });
  });

  it('lets the bound itself through and nothing below it', () => {
    expect(passesGate(metrics(0.85), { minAuc: 0.85 }, 'not there yet').passed).toBe(true);
    expect(passesGate(metrics(0.8499), { minAuc: 0.85 }, 'not there yet')).toEqual({
      passed: false,
      reason: 'AUC below the gate',
    });
    expect(passesGate(metrics(0), { minAuc: 0 }, 'not there yet').passed).toBe(true);
  });

  it('compares with the version named, if there is one', () => {
    const gate = { noWorseThan: 'champion' };
    expect(passesGate(metrics(0.7), gate, metrics(0.7)).passed).toBe(true);
    expect(passesGate(metrics(0.69), gate, metrics(0.7))).toEqual({ passed: false, reason: 'AUC below champion' });
  });

  it('says when there was nothing to compare with', () => {
    const gate = { noWorseThan: 'champion' };
    expect(passesGate(metrics(0.7), gate, 'not there yet')).toEqual({
      passed: true,
      reason: 'gate passed; no version is champion yet, so nothing was compared',
    });
    expect(passesGate(metrics(0.7), gate, 'not evaluated')).toEqual({
      passed: false,
      reason: 'champion has no evaluation to compare with',
    });
  });

  it('lets nothing pass whose AUC is not a number', () => {
    expect(passesGate(metrics(Number.NaN), { minAuc: 0.5 }, 'not there yet').passed).toBe(false);
    expect(passesGate(metrics(Number.NaN), { noWorseThan: 'champion' }, metrics(0.5)).passed).toBe(false);
  });
});

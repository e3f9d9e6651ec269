import { CodedError, isErrorCode } from '@koinon/contracts';
import { HeError, type HeErrorCode } from '@koinon/he';
import { describe, expect, it } from 'vitest';
import { DataError } from '@koinon/records';
import { TrainingError, type TrainingErrorCode } from '@koinon/local-training';
import { isTransient, refusalCode } from '@koinon/site-client';

describe('what the coordinator is told of a failure', () => {
  it.each<[TrainingErrorCode, string]>([
    ['TRAINING_BUDGET_EXHAUSTED', 'BUDGET_EXHAUSTED'],
    ['TRAINING_NOISE_REQUIRED', 'BUDGET_EXHAUSTED'],
    ['TRAINING_DATA_INVALID', 'SITE_DATA_INVALID'],
    ['TRAINING_DIVERGED', 'TRAINING_DIVERGED'],
    ['TRAINING_TIMED_OUT', 'SITE_TRAINING_FAILED'],
    ['TRAINING_CANCELLED', 'SITE_TRAINING_FAILED'],
    ['EVALUATION_MODEL_INVALID', 'MODEL_INVALID'],
    ['EVALUATION_MEMORY_EXCEEDED', 'SITE_EVALUATION_FAILED'],
  ])('of %s is %s', (code, told) => {
    expect(refusalCode(new TrainingError(code, 'details'))).toBe(told);
  });

  it.each<[HeErrorCode, string]>([
    ['SPOT_CHECK_FAILED', 'SHARE_REFUSED'],
    ['TOO_FEW_UPLOADS', 'SHARE_REFUSED'],
    ['DECRYPTORS_INVALID', 'SHARE_REFUSED'],
    ['DECRYPTION_SHARE_ALREADY_MADE', 'SHARE_REFUSED'],
    ['SUM_ALREADY_ENCRYPTED', 'MESSAGE_CONFLICT'],
    ['PROOF_REJECTED', 'EPOCH_SITE_REFUSED'],
    ['COMMITMENT_BROKEN', 'EPOCH_SITE_REFUSED'],
    ['MESSAGE_CHANGED', 'EPOCH_TRANSCRIPT_DIFFERS'],
    ['STATE_INVALID', 'SITE_STATE_LOST'],
    ['VALUE_OUT_OF_RANGE', 'EPOCH_TERMS_DIFFER'],
    ['QUANTISER_INVALID', 'INTERNAL'],
  ])('of %s is %s', (code, told) => {
    expect(refusalCode(new HeError(code, 'details'))).toBe(told);
  });

  it('is a code of the catalogue and nothing else, whatever was thrown', () => {
    const enoent = Object.assign(new Error('ENOENT: /srv/patients.csv'), { code: 'ENOENT', path: '/srv/patients.csv' });
    for (const thrown of [
      enoent,
      new Error('age 43'),
      'text',
      undefined,
      null,
      { code: 7 },
      { code: 'constructor' },
      new DataError('DATA_OUT_OF_RANGE', { file: 'a.csv', row: 3 }, 'age'),
    ]) {
      expect(isErrorCode(refusalCode(thrown))).toBe(true);
    }
    expect(refusalCode(new DataError('DATA_OUT_OF_RANGE', { file: 'a.csv' }, 'x'))).toBe('SITE_DATA_INVALID');
    for (const code of ['SITE_STATE_LOST', 'LEDGER_UNUSABLE', 'DISK_FULL'] as const)
      expect(refusalCode(new CodedError(code, 'detail'))).toBe(code);
  });

  it('is kept back while the failure may pass by itself, and only then', () => {
    for (const code of [
      'COORDINATOR_UNREACHABLE',
      'STEP_OUT_OF_ORDER',
      'DATABASE_UNREACHABLE',
      'UPLOAD_INCOMPLETE',
      'INTERNAL',
    ] as const)
      expect(isTransient(new CodedError(code))).toBe(true);
    for (const thrown of [
      new CodedError('SHARE_REFUSED'),
      new CodedError('MESSAGE_CONFLICT'),
      new HeError('STEP_OUT_OF_ORDER', ''),
      new Error('a defect'),
      undefined,
    ]) {
      expect(isTransient(thrown)).toBe(false);
    }
  });
});

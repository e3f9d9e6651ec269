import { describe, expect, it } from 'vitest';
import { identityOf, isRunning, pidOf } from './process-identity.js';

describe('the identity of a process', () => {
  it('holds while it runs', () => {
    const identity = identityOf(process.pid);
    expect(pidOf(identity)).toBe(process.pid);
    expect(isRunning(identity)).toBe(true);
  });

  it('is not that of an earlier process with the same number', () => {
    expect(isRunning(`${process.pid} 1`)).toBe(false);
  });

  it.each(['', 'garbage', '0 5', '-1 5', String(process.pid), identityOf(2 ** 22 + 1)])(
    '%j is nobody’s',
    (identity) => {
      expect(isRunning(identity)).toBe(false);
    },
  );
});

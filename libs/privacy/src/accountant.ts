import { requireParameter } from './errors.js';
import type { Mechanism } from './mechanism.js';
import { epsilonByPld } from './pld.js';
import { epsilonByRdp } from './rdp.js';

export type Accountant = 'rdp' | 'pld';

/**
 * ε at `delta` of a composition under adding or removing one record, never below the exact value.
 * `pld` is within a relative 2e-4 of it, mostly 1e-5; the most is reached by ten thousands of steps at small sampling rates; `rdp` is looser, faster, and what most publications report.
 * Infinite when nothing bounds the loss (no noise, or delta = 0).
 * @throws PrivacyError PRIVACY_PARAMETER_INVALID
 */
export function epsilonOf(mechanisms: readonly Mechanism[], delta: number, accountant: Accountant = 'pld'): number {
  requireParameter(delta >= 0 && delta < 1, 'delta must lie in [0, 1)');
  return accountant === 'rdp' ? epsilonByRdp(mechanisms, delta) : epsilonByPld(mechanisms, delta);
}

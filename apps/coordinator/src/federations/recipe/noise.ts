import { CodedError, type Federation } from '@koinon/contracts';
import { PrivacyError, calibrateNoise, type Mechanism } from '@koinon/privacy';
import { fit, releasedIn as releasedBy } from '@koinon/secure-tasks';

/** Everything a site releases from one record in `rounds` rounds: its noisy steps and its noised record count, once. */
export function releasedIn(spec: Federation, noiseMultiplier: number, rounds: number): Mechanism[] {
  return releasedBy(fit.charge({ federation: spec, noiseMultiplier }), rounds);
}

const recordCount = ({ privacy }: Federation): Mechanism => ({
  kind: 'gaussian',
  noiseMultiplier: privacy.recordCountNoise,
  releases: 1,
});

/** The smallest noise multiplier that keeps the whole run within its ε; 0 when the federation trains without noise. @throws CodedError REQUEST_INVALID when no noise does */
export function noiseFor(spec: Federation): number {
  const { epsilon, delta, accountant, recordCountNoise } = spec.privacy;
  if (epsilon === null) return 0;
  if (recordCountNoise === 0)
    throw new CodedError('REQUEST_INVALID', 'privacy.recordCountNoise must be above 0: an exact record count has no ε');
  try {
    return calibrateNoise({
      epsilon,
      delta,
      accountant,
      samplingRate: spec.local.samplingRate,
      steps: spec.rounds * spec.local.steps,
      besides: [recordCount(spec)],
    });
  } catch (error) {
    throw error instanceof PrivacyError ? new CodedError('REQUEST_INVALID', error.message) : error;
  }
}

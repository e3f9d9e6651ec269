import { CodedError, type RunView, type VersionView } from '@koinon/contracts';

/**
 * What hospitals serve after a run: its last version, or one that somebody promoted since, of a run with another recipe.
 * @param versions of the run's model
 * @throws CodedError MODEL_INVALID when the gate held the run's last version back
 */
export function releasedVersion(versions: readonly VersionView[], { id, spec }: RunView): VersionView {
  const released = versions.find(({ aliases }) => aliases.includes(spec.promotion.alias));
  const last = Math.max(...versions.filter(({ runId }) => runId === id).map(({ version }) => version));
  if (!released || released.version < last)
    throw new CodedError('MODEL_INVALID', 'the promotion gate held the last version back; the audit log says why');
  return released;
}

import type { Federation, Metrics } from '@koinon/contracts';

export interface Verdict {
  readonly passed: boolean;
  readonly reason: string;
}

/** The version that `noWorseThan` names: what it reached, or why there is nothing to compare with. */
export type Rival = Metrics | 'not there yet' | 'not evaluated';

/** Whether a version may take the alias: enough AUC, and none lost against the version named in the gate. */
export function passesGate(metrics: Metrics | null, gate: Federation['promotion']['gate'], rival: Rival): Verdict {
  if (!metrics) return { passed: false, reason: 'no evaluation' };
  if (gate.minAuc !== undefined && !(metrics.auc >= gate.minAuc))
    return { passed: false, reason: 'AUC below the gate' };
  const { noWorseThan } = gate;
  if (noWorseThan === undefined) return { passed: true, reason: 'gate passed' };
  if (rival === 'not there yet')
    return { passed: true, reason: `gate passed; no version is ${noWorseThan} yet, so nothing was compared` };
  if (rival === 'not evaluated') return { passed: false, reason: `${noWorseThan} has no evaluation to compare with` };
  if (!(metrics.auc >= rival.auc)) return { passed: false, reason: `AUC below ${noWorseThan}` };
  return { passed: true, reason: 'gate passed' };
}

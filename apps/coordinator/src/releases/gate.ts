import type { Federation, Metrics } from '@koinon/contracts';

export interface Verdict {
  readonly passed: boolean;
  readonly reason: string;
}

/** Whether a version may take the alias: enough AUC, and none lost against the version named in the gate. */
export function passesGate(metrics: Metrics | null, gate: Federation['promotion']['gate'], rival: Metrics | null): Verdict {
  if (!metrics) return { passed: false, reason: 'no evaluation' };
  if (gate.minAuc !== undefined && !(metrics.auc >= gate.minAuc)) return { passed: false, reason: 'AUC below the gate' };
  if (rival && !(metrics.auc >= rival.auc)) return { passed: false, reason: `AUC below ${gate.noWorseThan ?? 'the rival'}` };
  return { passed: true, reason: 'gate passed' };
}

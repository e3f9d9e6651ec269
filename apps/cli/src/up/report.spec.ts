import type { VersionView } from '@koinon/contracts';
import { describe, expect, it } from 'vitest';
import { roundView, runView } from '../testing/views.js';
import { reportOf, type Report } from './report.js';
import { textReport } from './report-text.js';
import type { Serving } from './serving.js';

const scores = (accuracy: number) => ({ accuracy, auc: accuracy + 0.08, f1: accuracy - 0.01 });
const version = { model: 'heart-disease', version: 6, sha256: '5d7c'.repeat(16), runId: runView([]).id } as VersionView;
const serving = ['cleveland', 'hungarian', 'switzerland', 'va'].map((site, i) => ({
  site,
  url: `http://127.0.0.1:740${i + 1}/v2/models/heart-disease/infer`,
  p50Ms: i + 1,
  p99Ms: 10 - i,
  requests: 300,
}));

function report(
  parts: Parameters<typeof runView>[1] = {},
  rounds = [1, 2, 3, 4, 5].map((n) => roundView(n)),
  absent: Serving['absent'] = [],
): Report {
  const reference = { averageSite: scores(0.7), bestSite: scores(0.77), pooled: scores(0.805), sites: {} };
  const run = runView(rounds, { state: 'done', ...parts });
  return reportOf({
    run,
    reference,
    version,
    modelPath: '/home/somebody/model.onnx',
    parameterCount: 14,
    serving: { reports: serving, absent },
    dashboardUrl: 'http://127.0.0.1:7400/#token=secret',
  });
}

describe('reportOf', () => {
  it('takes every figure from the run, the reference and the nodes', () => {
    const made = report();
    expect(made.rounds.map((r) => r.durationMs)).toEqual([1500, 2500, 3500, 4500, 5500]);
    expect(made.metrics).toEqual({
      averageSite: scores(0.7),
      bestSite: scores(0.77),
      federated: { accuracy: 0.8, auc: 0.88, f1: 0.79 },
      pooled: scores(0.805),
    });
    expect(made.model).toEqual({
      name: 'heart-disease',
      version: 6,
      runId: version.runId,
      sha256: version.sha256,
      path: '/home/somebody/model.onnx',
    });
    expect(made.serving).toEqual(serving);
    expect(made.upload).toEqual({ bytes: 262_160, values: 15 });
  });
});

describe('textReport', () => {
  it('is the table people read', () => {
    expect(textReport(report(), { stillServing: true })).toMatchInlineSnapshot(`
      "
      heart-disease · 4 hospitals · 3-of-4 threshold CKKS · ε 1.20 of 1.2 spent

                                             accuracy      AUC       F1
      each hospital alone (mean)                0.700    0.780    0.690
      best single hospital                      0.770    0.850    0.760
      federated, encrypted, DP                  0.800    0.880    0.790
      pooled in one place (demo reference)      0.805    0.885    0.795
      lift over the average hospital            +10.0 points of accuracy

      an upload is 262,160 bytes for 15 values: 17,477 each (16.0 in full blocks)
      round time 3.5 s · edge p50/p99 2.0/10.0 ms

      model      heart-disease version 6
      sha256     5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c5d7c
      file       /home/somebody/model.onnx
      lineage    http://127.0.0.1:7400/#/models/heart-disease/6
      dashboard  http://127.0.0.1:7400/#token=secret
      "
    `);
  });

  it('tells what was sent, not what the packing could reach', () => {
    const rounds = [
      roundView(1, { uploadBytes: 900_000, participants: ['cleveland', 'va'] }),
      roundView(2, { uploadBytes: 300_000, participants: ['cleveland'] }),
    ];
    expect(textReport(report({}, rounds), { stillServing: false })).toContain(
      'an upload is 400,000 bytes for 15 values: 26,667 each (16.0 in full blocks)',
    );
  });

  it('names a hospital that does not serve, and why', () => {
    expect(
      textReport(report({}, [roundView(1)], [{ site: 'va', reason: 'RELEASE_EXPIRED' }]), { stillServing: false }),
    ).toContain('ms\nva does not serve it: RELEASE_EXPIRED\n');
  });

  it('says when the model is of another run', () => {
    expect(textReport({ ...report(), runId: 'another' }, { stillServing: false })).toContain(
      'model      heart-disease version 6, of another run that was promoted since\n',
    );
  });

  it('fits a terminal of 80 columns', () => {
    for (const line of textReport(report(), { stillServing: true }).split('\n'))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it('shows no address that nobody answers at any more', () => {
    expect(textReport(report(), { stillServing: false })).not.toContain('http');
  });

  it('says so when there is no noise, a hospital is missing or there is no lift', () => {
    const privacy = {
      unit: 'record' as const,
      epsilonBudget: null,
      epsilonSpent: null,
      delta: 1e-3,
      noiseMultiplier: 0,
    };
    const metrics = { accuracy: 0.65, auc: 0.7, f1: 0.6, records: 254 };
    const text = textReport(
      report({ privacy }, [roundView(1, { participants: ['cleveland', 'hungarian', 'switzerland'], metrics })]),
      { stillServing: false },
    );
    expect(text).toContain('· no privacy noise\nwithout va in the last round\n');
    expect(text).toContain('federated, encrypted  ');
    expect(text).toMatch(/lift over the average hospital +-5\.0 points/);
  });
});

/** Views of a coordinator, as the API gives them. */
import { federationSchema, type RoundView, type RunView } from '@koinon/contracts';
import { federationFile } from '@koinon/heart-disease';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const hospitals = ['cleveland', 'hungarian', 'switzerland', 'va'];

export function roundView(number: number, parts: Partial<RoundView> = {}): RoundView {
  return {
    id: `00000000-0000-4000-8000-00000000000${number}`,
    number,
    state: 'done',
    failure: null,
    cohort: hospitals,
    participants: hospitals,
    exclusions: [],
    decryptors: hospitals.slice(0, 3),
    keyEpochId: null,
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: `2026-01-01T00:00:0${number}.500Z`,
    timeline: [],
    uploadBytes: 1_048_640,
    metrics: { accuracy: 0.8, auc: 0.88, f1: 0.79, records: 254 },
    version: number + 1,
    ...parts,
  };
}

export function runView(rounds: RoundView[], parts: Partial<RunView> = {}): RunView {
  return {
    id: '3f2a0000-0000-4000-8000-000000000000',
    federation: 'heart-disease',
    state: 'running',
    failure: null,
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    spec: federationSchema.parse(parse(readFileSync(federationFile, 'utf8'))),
    seed: null,
    rounds,
    encryption: {
      scheme: 'ckks-threshold',
      title: 'threshold CKKS',
      bytesPerParameter: 16.001,
      valuesPerBlock: 16_384,
    },
    privacy: { unit: 'record', epsilonBudget: 1.2, epsilonSpent: 1.19999, delta: 1e-3, noiseMultiplier: 3.59 },
    ...parts,
  };
}

/** Schema-valid views for states that are hard to reach for real. Moments are relative to now. */
import { createHash } from 'node:crypto';
import { canonicalBytes, toBase64 } from '@koinon/signing';
import {
  federationSchema,
  modelViewSchema,
  roundViewSchema,
  runViewSchema,
  siteViewSchema,
  versionDetailSchema,
  type ErrorCode,
  type Lineage,
  type ModelView,
  type RoundPhase,
  type RoundView,
  type RunView,
  type SiteView,
  type VersionDetail,
  type VersionView,
} from '@koinon/contracts';

export const siteIds = ['cleveland', 'hungary', 'switzerland', 'va-long-beach'] as const;
const siteNames = [
  'Cleveland Clinic',
  'Hungarian Institute of Cardiology',
  'University Hospitals Zurich and Basel',
  'VA Long Beach',
];

/** An ISO instant some seconds before now. */
export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();
export const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
export const uuid = (text: string): string =>
  digest(text).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');

export const spec = federationSchema.parse({
  name: 'heart-disease',
  task: 'binary',
  model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
  records: 'records.schema.json',
  sites: { min: 3, threshold: 3, roundTimeoutMs: 120_000 },
  strategy: { name: 'fedavg', params: { serverLearningRate: 1 } },
  rounds: 5,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
  privacy: { unit: 'record', epsilon: 1.2, delta: 1e-3, clippingNorm: 1 },
  encryption: { scheme: 'ckks-threshold', bits: 16 },
  promotion: { alias: 'champion', gate: { minAuc: 0.85, noWorseThan: 'champion' } },
});

const rates = [
  [0.712, 0.801, 0.694],
  [0.758, 0.842, 0.741],
  [0.781, 0.866, 0.768],
  [0.794, 0.876, 0.779],
  [0.802, 0.881, 0.787],
] as const;
const phases: readonly RoundPhase[] = [
  'planned',
  'collecting',
  'freezing',
  'aggregating',
  'decrypting',
  'updating',
  'evaluating',
];
const seconds = [0.4, 5.2, 0.5, 1.3, 2.6, 0.6, 2.1];

export const metricsOf = (round: number) => {
  const [accuracy, auc, f1] = rates[(round - 1) % rates.length]!;
  return { accuracy, auc, f1, records: 254 };
};

interface RoundPlan {
  readonly number: number;
  /** Seconds before now. */
  readonly startedAgo: number;
  readonly state?: RoundPhase;
  /** Where a failed round failed. */
  readonly failedIn?: RoundPhase;
  readonly failure?: { code: ErrorCode; detail: string | null };
  readonly excluded?: Record<string, ErrorCode>;
  readonly delivered?: readonly string[];
}

export function round({
  number,
  startedAgo,
  state = 'done',
  failedIn,
  failure,
  excluded = {},
  delivered,
}: RoundPlan): RoundView {
  const reached = state === 'done' ? phases.length - 1 : phases.indexOf(failedIn ?? state);
  let at = startedAgo;
  const timeline: RoundView['timeline'] = phases.slice(0, reached + 1).map((phase, i) => {
    const entry = { state: phase, at: ago(at) };
    at -= (seconds[i] ?? 1) * (1 + ((number * 7 + i * 3) % 5) / 12);
    return entry;
  });
  const over = state === 'done' || state === 'failed';
  if (over) timeline.push({ state, at: ago(at) });
  const participants = delivered ?? siteIds.filter((site) => !(site in excluded));
  return roundViewSchema.parse({
    id: uuid(`round ${number} ${startedAgo}`),
    number,
    state,
    failure: failure ?? null,
    cohort: siteIds,
    participants,
    exclusions: Object.entries(excluded).map(([site, code]) => ({ site, code })),
    decryptors: reached >= 4 ? participants.slice(0, 3) : [],
    keyEpochId: uuid('epoch'),
    startedAt: ago(startedAgo),
    finishedAt: over ? ago(at) : null,
    timeline,
    uploadBytes: participants.length * 262_402,
    metrics: state === 'done' ? metricsOf(number) : null,
    version: state === 'done' ? number + 1 : null,
  });
}

export function run(plan: {
  name: string;
  startedAgo: number;
  state: RunView['state'];
  rounds: RoundView[];
  failure?: RunView['failure'];
  tookSeconds?: number;
  epsilonSpent?: number | null;
  noise?: boolean;
}): RunView {
  const noise = plan.noise ?? true;
  return runViewSchema.parse({
    id: uuid(plan.name),
    federation: spec.name,
    state: plan.state,
    failure: plan.failure ?? null,
    startedAt: ago(plan.startedAgo),
    finishedAt: plan.state === 'running' ? null : ago(plan.startedAgo - (plan.tookSeconds ?? 70)),
    spec: noise ? spec : { ...spec, privacy: { ...spec.privacy, epsilon: null } },
    seed: plan.name === 'current' ? 7 : null,
    rounds: plan.rounds,
    encryption: { scheme: 'ckks-threshold', title: 'threshold CKKS', bytesPerParameter: 16, valuesPerBlock: 16_384 },
    privacy: {
      unit: 'record',
      epsilonBudget: noise ? 1.2 : null,
      epsilonSpent: plan.epsilonSpent ?? null,
      delta: 1e-3,
      noiseMultiplier: noise ? 3.96 : 0,
    },
  });
}

export const doneRounds = (n: number, startedAgo: number): RoundView[] =>
  Array.from({ length: n }, (_, i) =>
    round({
      number: i + 1,
      startedAgo: startedAgo - i * 16,
      ...(i === 1 ? { excluded: { switzerland: 'ROUND_DEADLINE_PASSED' as const } } : {}),
    }),
  );

/** Three rounds done, the fourth collects: two sites delivered. */
export const runningRun = (): RunView =>
  run({
    name: 'current',
    startedAgo: 64,
    state: 'running',
    epsilonSpent: 0.94,
    rounds: [
      ...doneRounds(3, 58),
      round({ number: 4, startedAgo: 4.2, state: 'collecting', delivered: ['cleveland', 'hungary'] }),
    ],
  });

export const finishedRun = (name = 'finished', startedAgo = 4000): RunView =>
  run({ name, startedAgo, state: 'done', tookSeconds: 86, epsilonSpent: 1.2, rounds: doneRounds(5, startedAgo - 4) });

export const failedRun = (): RunView => {
  const failure = { code: 'SHARES_MISSING' as const, detail: 'hungary' };
  return run({
    name: 'failed',
    startedAgo: 400,
    state: 'failed',
    failure,
    tookSeconds: 170,
    epsilonSpent: 0.71,
    rounds: [
      ...doneRounds(2, 396),
      round({
        number: 3,
        startedAgo: 360,
        state: 'failed',
        failedIn: 'decrypting',
        failure,
        excluded: { 'va-long-beach': 'SITE_DATA_INVALID' },
      }),
    ],
  });
};

export function versionView(version: number): VersionView {
  const initial = version === 1;
  return {
    model: spec.name,
    version,
    sha256: digest(`model ${version}`),
    bytes: 1874,
    createdAt: ago(4000 - version * 16),
    baseVersion: initial ? null : version - 1,
    runId: initial ? null : uuid('finished'),
    round: initial ? null : version - 1,
    aliases: version === 6 ? ['champion'] : version === 5 ? ['candidate'] : [],
    metrics: initial ? null : metricsOf(version - 1),
    servedBy: version === 6 ? siteIds.slice(0, 3) : version === 5 ? ['va-long-beach'] : [],
  };
}

export const heartModel = (): ModelView =>
  modelViewSchema.parse({ name: spec.name, versions: [1, 2, 3, 4, 5, 6].map(versionView) });

/** @param signed replaces what the statement says, to show a page that disagrees with it */
export function versionDetail(version: number, signed?: Partial<Lineage>): VersionDetail {
  const view = versionView(version);
  const trained = version > 1;
  const excluded = version === 3 ? ['switzerland'] : [];
  const lineage: Lineage = {
    model: view.model,
    version,
    baseVersion: view.baseVersion,
    runId: view.runId,
    round: view.round,
    cohort: trained
      ? siteIds
          .filter((s) => !excluded.includes(s))
          .map((site) => ({ site, uploadRoot: digest(`upload ${site} ${version}`) }))
      : [],
    exclusions: excluded.map((site) => ({ site, code: 'ROUND_DEADLINE_PASSED' as const })),
    strategy: trained ? { name: 'fedavg', params: { serverLearningRate: 1 } } : null,
    local: trained
      ? { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0, controlVariate: false }
      : null,
    privacy: trained
      ? { unit: 'record', epsilonSpent: 0.24 * (version - 1), delta: 1e-3, noiseMultiplier: 3.96 }
      : null,
    encryption: trained
      ? {
          scheme: 'ckks-threshold',
          keyEpochId: uuid('epoch'),
          threshold: 3,
          sumRoot: digest(`sum ${version}`),
          decryptors: ['cleveland', 'hungary', 'va-long-beach'],
        }
      : null,
    recordsSchemaSha256: digest('features'),
    code: { version: '0.1.0', lockfileSha256: digest('lock') },
  };
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'model.onnx', digest: { sha256: view.sha256 } }],
    predicateType: 'https://koinon.dev/lineage/v1',
    predicate: { ...lineage, ...signed },
  };
  return versionDetailSchema.parse({
    ...view,
    lineage,
    statement: {
      payloadType: 'application/vnd.in-toto+json',
      payload: toBase64(canonicalBytes(statement)),
      signatures: [{ keyid: digest('coordinator key'), sig: toBase64(new Uint8Array(64).fill(7)) }],
    },
  });
}

export function sites(): SiteView[] {
  return siteIds.map((id, i) =>
    siteViewSchema.parse({
      id,
      name: siteNames[i],
      state: 'enrolled',
      keyFingerprint: digest(`identity ${id}`),
      enrolledAt: ago(90_000),
      lastSeenAt: ago([1, 2, 1, 190][i]!),
      status: {
        servingUrl: `http://127.0.0.1:${8101 + i}`,
        serving: { model: spec.name, version: i === 3 ? 5 : 6, sha256: digest(`model ${i === 3 ? 5 : 6}`) },
        requests: [1204, 988, 431, 77][i],
        p50Ms: [0.21, 0.24, 0.22, 1.9][i],
        p99Ms: [0.61, 0.74, 0.58, 12.4][i],
        epsilonSpent: [0.94, 0.94, 1.2, 0.71][i],
      },
    }),
  );
}

export const invitedSite = (): SiteView =>
  siteViewSchema.parse({
    id: 'stanford',
    name: 'stanford',
    state: 'invited',
    keyFingerprint: null,
    enrolledAt: null,
    lastSeenAt: null,
    status: null,
  });

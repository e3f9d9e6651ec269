import { describe, expect, it } from 'vitest';
import { federationSchema } from './federation.js';

/** The example of the design, with the value the loss is taken on. */
const example = {
  name: 'heart-disease',
  task: 'binary',
  model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
  records: 'records.schema.json',
  sites: { min: 3, threshold: 3, roundTimeoutMs: 120_000, fraction: 1 },
  strategy: { name: 'fedavg', params: { serverLearningRate: 1 } },
  rounds: 5,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' },
  privacy: { unit: 'record', epsilon: 1.2, delta: 1.0e-3, clippingNorm: 1, accountant: 'pld' },
  encryption: { scheme: 'ckks-threshold', bits: 16 },
  promotion: { alias: 'champion', gate: { minAuc: 0.85, noWorseThan: 'champion' } },
};

type Path = readonly string[];

/** A deep copy with the value at `path` replaced, or taken out when it is undefined. */
function withValue(path: Path, value: unknown): unknown {
  const copy = structuredClone(example) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  if (value === undefined) delete at[path.at(-1)!];
  else at[path.at(-1)!] = value;
  return copy;
}

function issuePaths(value: unknown): string[] {
  const result = federationSchema.safeParse(value);
  return result.success ? [] : result.error.issues.map((i) => i.path.join('.'));
}

describe('the federation schema', () => {
  it('takes the example and fills in what may be left out', () => {
    expect(federationSchema.parse(example)).toEqual({
      ...example,
      sites: { ...example.sites, maxRecords: 256 },
      privacy: { ...example.privacy, recordCountNoise: 10 },
      encryption: { ...example.encryption, range: 1 },
    });
  });

  it('takes training without noise only when that is said in words', () => {
    expect(issuePaths(withValue(['privacy', 'epsilon'], null))).toEqual([]);
    expect(issuePaths(withValue(['privacy', 'epsilon'], undefined))).toEqual(['privacy.epsilon']);
  });

  it('takes a strategy’s switches beside its numbers', () => {
    expect(issuePaths(withValue(['strategy', 'params'], { nesterov: true, momentum: 0.9 }))).toEqual([]);
  });

  const required: Path[] = [
    ['name'],
    ['task'],
    ['model', 'file'],
    ['model', 'output'],
    ['model', 'trainable'],
    ['model', 'loss'],
    ['records'],
    ['sites', 'min'],
    ['sites', 'roundTimeoutMs'],
    ['strategy', 'name'],
    ['rounds'],
    ['local', 'steps'],
    ['local', 'samplingRate'],
    ['local', 'learningRate'],
    ['local', 'optimizer'],
    ['privacy', 'unit'],
    ['privacy', 'epsilon'],
    ['privacy', 'delta'],
    ['privacy', 'clippingNorm'],
    ['encryption', 'scheme'],
    ['encryption', 'bits'],
    ['promotion', 'gate'],
    ['model'],
    ['sites'],
    ['strategy'],
    ['local'],
    ['privacy'],
    ['encryption'],
    ['promotion'],
  ];
  it.each(required.map((path) => ({ field: path.join('.'), path })))('needs $field', ({ field, path }) => {
    expect(issuePaths(withValue(path, undefined))).toContain(field);
  });

  const wrong: [Path, ...unknown[]][] = [
    [['name'], 'Heart', 'a', '1abc', 'a b', 'a/b', '../x', 'x'.repeat(64), 7],
    [['task'], 'multiclass', 'regression', 'Binary', true],
    [['model', 'trainable'], [], 'weight', [1]],
    [['model', 'loss'], 'hinge'],
    [['sites', 'min'], 0, 1, 2.5, -1, '3'],
    [['sites', 'threshold'], 0, 1, 2.5, 'minority'],
    [['sites', 'roundTimeoutMs'], 999, 86_400_001, 1500.5],
    [['sites', 'fraction'], 0, 1.01, -1, Number.NaN],
    [['sites', 'maxRecords'], 0, 1.5, 1e6 + 1],
    [['strategy', 'params'], { serverLearningRate: 'fast' }, { serverLearningRate: Number.POSITIVE_INFINITY }],
    [['rounds'], 0, 1001, 1.5],
    [['local', 'steps'], 0, 0.5, 101],
    [['local', 'samplingRate'], 0, 1.1, 1e-7],
    [['local', 'learningRate'], 0, -1, Number.NaN, 10.1, 1e38],
    [['local', 'optimizer'], 'adam'],
    [['privacy', 'unit'], 'patient'],
    [['privacy', 'epsilon'], 0, -1, 20.5, Number.POSITIVE_INFINITY, 'none'],
    [['privacy', 'delta'], 0, 0.2, -1e-5, 1e-13],
    [['privacy', 'clippingNorm'], 0, -1, 1e-28, 0.0099, 1001, Number.NaN],
    [['privacy', 'accountant'], 'moments'],
    [['privacy', 'recordCountNoise'], -1, 0.1, 101],
    [['encryption', 'scheme'], 'Threshold CKKS', ''],
    [['encryption', 'bits'], 4, 12, 32, '16'],
    [['encryption', 'range'], 0, -1, 1e-4, 1001],
    [['promotion', 'gate', 'minAuc'], -0.1, 1.1],
    [['promotion', 'alias'], '', 'Champion', 'a b', '\ud800', 'x'.repeat(64)],
    [['promotion', 'gate', 'noWorseThan'], '', '../champion', '\ud800'],
  ];
  it.each(wrong.flatMap(([path, ...values]) => values.map((value) => ({ field: path.join('.'), path, value }))))(
    'refuses $field = $value',
    ({ field, path, value }) => {
      expect(issuePaths(withValue(path, value)).some((found) => found === field || found.startsWith(`${field}.`))).toBe(
        true,
      );
    },
  );

  it.each(
    [
      [],
      ['model'],
      ['sites'],
      ['strategy'],
      ['local'],
      ['privacy'],
      ['encryption'],
      ['promotion'],
      ['promotion', 'gate'],
    ].map((path) => ({ field: path.join('.') || 'the top', path })),
  )('refuses a misspelt field in $field', ({ path }) => {
    expect(issuePaths(withValue([...path, 'epsillon'], 1))).toEqual([path.join('.')]);
  });

  const renamed: [Path, unknown, string][] = [
    [['model', 'logits'], 'logits', '`model.logits` is now called `model.output`'],
    [['features'], 'features.schema.json', '`features` is now called `records`'],
    [['sites', 'maxRows'], 256, '`sites.maxRows` is now called `sites.maxRecords`'],
    [['privacy', 'rowCountNoise'], 10, '`privacy.rowCountNoise` is now called `privacy.recordCountNoise`'],
  ];
  it.each(renamed)('refuses %j, a word of before, and names the present one alone', (path, value, message) => {
    expect(federationSchema.safeParse(withValue(path, value)).error?.issues).toMatchObject([{ path, message }]);
  });

  it('says which task there is', () => {
    expect(federationSchema.safeParse(withValue(['task'], 'multiclass')).error?.issues).toMatchObject([
      { path: ['task'], message: expect.stringContaining('binary is the only task') as string },
    ]);
  });

  it('asks for the majority of the key holders when nothing else is said', () => {
    expect(federationSchema.parse(withValue(['sites', 'threshold'], undefined)).sites.threshold).toBe('majority');
    expect(issuePaths(withValue(['sites', 'threshold'], 'majority'))).toEqual([]);
  });

  it('refuses a threshold above the fewest sites', () => {
    expect(issuePaths(withValue(['sites', 'threshold'], 4))).toEqual(['sites.min']);
  });
});

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelView, RunView, VersionDetail } from '@koinon/contracts';
import { federationFile } from '@koinon/heart-disease';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Koinon, koinon, processesBelow, until, type Ended } from '../testing/koinon.js';
import type { Report } from './report.js';

const LONG = 600_000;
const hospitals = ['cleveland', 'hungarian', 'switzerland', 'va'];
/** Three patients of the four files, one of them with values at the edge of their ranges. */
const patients = [
  [63, 1, 145, 233, 1, 150, 0, 2.3, 0, 1, 0, 0, 1],
  [41, 0, 130, 204, 0, 172, 0, 1.4, 0, 1, 0, 1, 0],
  [29, 1, 200, 564, 1, 60, 1, 6.2, 1, 0, 0, 0, 0],
];

/** `npm start`, from an empty folder to the model that every hospital serves, with its default cipher and noise. */
describe.skipIf(process.platform !== 'linux')('the main job', () => {
  let dir: TempDir;
  let home: string;
  let userHome: string;
  let up: Koinon;
  let report: Report;
  const command = (...args: string[]): Promise<Ended> => koinon(args, { home });
  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse((await command(...args, '--format', 'json')).stdout) as T;

  beforeAll(async () => {
    dir = tempDir();
    home = join(dir.path, 'a home with spaces');
    userHome = join(dir.path, 'user');
    mkdirSync(userHome);
    up = new Koinon(['up', '--port', '0', '--seed', '5', '--format', 'json'], { home, env: { HOME: userHome } });
    await up.says(/serving; press Ctrl-C/);
    report = JSON.parse(up.printed) as Report;
  }, LONG);
  afterAll(async () => {
    await up.end('SIGTERM');
    await until(() => processesBelow(home).length === 0);
    dir[Symbol.dispose]();
  });

  it('prints the report of issue and API alike', async () => {
    expect(Object.keys(report)).toEqual([
      'federation',
      'runId',
      'sites',
      'threshold',
      'rounds',
      'privacy',
      'metrics',
      'encryption',
      'upload',
      'model',
      'serving',
      'notServing',
      'dashboardUrl',
    ]);
    expect(report.notServing).toEqual([]);
    const [run, ...others] = await json<RunView[]>('run', 'list');
    expect(others).toEqual([]);
    const last = run!.rounds.at(-1)!;
    const { accuracy, auc, f1 } = last.metrics!;
    expect(report).toMatchObject({
      federation: run!.spec.name,
      sites: hospitals,
      threshold: 3,
      privacy: run!.privacy,
      encryption: run!.encryption,
      rounds: run!.rounds.map(({ number, participants, uploadBytes }) => ({
        number,
        state: 'done',
        participants,
        uploadBytes,
      })),
    });
    expect(report.metrics.federated).toEqual({ accuracy, auc, f1 });
    expect(report.rounds).toHaveLength(run!.spec.rounds);
    for (const round of report.rounds) {
      expect(round.participants.toSorted()).toEqual(hospitals);
      expect(round.durationMs).toBeGreaterThan(0);
      expect(round.uploadBytes).toBeGreaterThan(0);
    }
    for (const scores of Object.values(report.metrics))
      for (const value of Object.values(scores)) expect(value > 0 && value < 1).toBe(true);
  });

  it('keeps its privacy budget, which the sites’ ledgers confirm', () => {
    expect(report.privacy).toMatchObject({ unit: 'record', epsilonBudget: 1.2, delta: 1e-3 });
    expect(report.privacy.epsilonSpent).toBeGreaterThan(1);
    expect(report.privacy.epsilonSpent).toBeLessThanOrEqual(1.2);
  });

  it('releases one file that answers like every hospital', async () => {
    const bytes = readFileSync(report.model.path);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(report.model.sha256);
    const shown = await json<VersionDetail>('model', 'show', report.model.name);
    expect(shown).toMatchObject({
      version: report.model.version,
      sha256: report.model.sha256,
      servedBy: hospitals,
      aliases: ['champion'],
      bytes: bytes.length,
    });
    const session = await Session.create(bytes);
    const { probability } = await session.run({
      features: new Tensor('float32', patients.flat(), [patients.length, 13]),
    });
    expect(report.serving.map(({ site }) => site)).toEqual(hospitals);
    for (const { url, requests, p50Ms, p99Ms } of report.serving) {
      const body = JSON.stringify({
        inputs: [{ name: 'features', shape: [patients.length, 13], datatype: 'FP32', data: patients.flat() }],
      });
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { outputs } = (await response.json()) as { outputs: { name: string; shape: number[]; data: number[] }[] };
      expect(outputs).toMatchObject([{ name: 'probability', shape: [patients.length, 1] }]);
      outputs[0]!.data.forEach((value, index) => expect(value).toBeCloseTo(Number(probability!.data[index]), 6));
      expect(requests).toBeGreaterThan(0);
      expect(p50Ms > 0 && p50Ms <= p99Ms).toBe(true);
    }
  });

  it('gives its dashboard link to a viewer, who may look and not touch', async () => {
    const { origin, hash } = new URL(report.dashboardUrl);
    const headers = { authorization: `Bearer ${hash.replace('#token=', '')}`, 'content-type': 'application/json' };
    expect((await fetch(`${origin}/v1/runs`, { headers })).status).toBe(200);
    expect(
      (
        await fetch(`${origin}/v1/sites`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ id: 'intruder', name: 'Intruder' }),
        })
      ).status,
    ).toBe(403);
  });

  it('leaves nothing in the home of its user, where the runtime would keep an identifier for its telemetry', () => {
    expect(readdirSync(userHome)).toEqual([]);
  });

  it('is read and asked from other terminals', async () => {
    const [list, watch, models, show, predict] = await Promise.all([
      command('run', 'list'),
      command('run', 'watch'),
      command('model', 'list'),
      command('model', 'show', 'heart-disease', '1'),
      command('predict', 'heart-disease', ...patients[0]!.map(String)),
    ]);
    for (const { stdout, code } of [list, watch, models, show, predict]) {
      expect(code).toBe(0);
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    }
    expect(list.stdout).toMatch(
      /^run +federation +state +rounds +AUC +started\n[0-9a-f]{8} +heart-disease +done +5\/5 /,
    );
    expect(watch.stdout).toMatch(/\nrun [0-9a-f]{8} done\n$/);
    expect(show.stdout).toContain('a file an operator brought');
    expect(models.stdout.trimEnd().split('\n')).toHaveLength(
      1 + (await json<ModelView[]>('model', 'list'))[0]!.versions.length,
    );
    expect(predict.stdout).toMatch(/^probability 0\.\d{4}\nheart-disease version 6 at /);
  });

  it.each([
    [['predict', 'heart-disease', '63', 'x'], /REQUEST_INVALID: .*every feature must be a number/],
    [['predict', 'heart-disease', '63'], /REQUEST_INVALID: .*cleveland/],
    [['predict', 'lung-disease', '63'], /NOT_FOUND: .*no hospital serves lung-disease/],
    [['model', 'show', 'heart-disease', '99'], /NOT_FOUND/],
    [['model', 'show', 'heart-disease', 'two'], /REQUEST_INVALID: .*a version is a whole number/],
    [['run', 'watch', 'zzz'], /NOT_FOUND: .*no run begins with zzz/],
    [['run', 'start', 'nowhere.yaml'], /CONFIG_INVALID: .*nowhere\.yaml cannot be read/],
  ])('%j says what is wrong', async (args, reason) => {
    const { code, stderr, stdout } = await command(...args);
    expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 2, stdout: '', lines: 1 });
    expect(stderr).toMatch(reason);
  });

  it('refuses a second start in its folder, and goes on', async () => {
    const { code, stderr, stdout } = await command('up', '--once', '--format', 'json');
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^koinon: ALREADY_RUNNING: .*process ${up.child.pid}\\)\n$`)),
    });
    expect((await command('predict', 'heart-disease', ...patients[0]!.map(String))).code).toBe(0);
  });

  it(
    'lets no second run train on a spent budget',
    async () => {
      const { code, stderr } = await command('run', 'start', federationFile);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const watched = await command('run', 'watch');
      expect(watched.code).toBe(1);
      expect(watched.stderr).toMatch(/goes on without va \(BUDGET_EXHAUSTED\)/);
      expect(watched.stdout).toMatch(/failed: ROUND_QUORUM_MISSED/);
    },
    LONG,
  );

  it(
    'comes back with the same result and without training',
    async () => {
      const ended = await up.end('SIGTERM');
      expect({ code: ended.code, left: processesBelow(home) }).toEqual({ code: 0, left: [] });
      expect((await command('run', 'list')).stderr).toMatch(/CONFIG_INVALID: .*no coordinator runs/);
      const again = await command('up', '--once', '--seed', '5', '--format', 'json');
      expect(again.stderr).not.toMatch(/training|agreeing/);
      const { rounds, privacy, metrics, model } = report;
      expect(JSON.parse(again.stdout)).toMatchObject({ rounds, privacy, metrics, model });
    },
    LONG,
  );

  it(
    'is another federation under another seed, in a folder of its own',
    async () => {
      const other = new Koinon(['up', '--once', '--seed', '6'], { home });
      await other.says(/starting the coordinator/);
      expect((await other.end('SIGINT')).code).toBe(130);
      expect(readdirSync(home).filter((name) => name.startsWith('heart-disease-'))).toHaveLength(2);
      expect(createHash('sha256').update(readFileSync(report.model.path)).digest('hex')).toBe(report.model.sha256);
    },
    LONG,
  );
});

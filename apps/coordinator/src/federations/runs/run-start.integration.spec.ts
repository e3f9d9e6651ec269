import { federationSchema, type Federation } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { strategyNames } from '@koinon/strategies';
import { withDatabase } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RecipeChecks } from '../recipe/recipe-checks.service.js';
import { startRun, withFederation } from '../../testing/federation.fixture.js';
import { recordsSchema, tinyModel, tinySpec } from '../../testing/tiny-federation.fixture.js';

type Node = { enum?: unknown[]; const?: unknown; properties?: Record<string, Node>; anyOf?: Node[] };

/** Every word that the schema of a federation file fixes, with its place. */
function words(node: Node, path: string[] = []): { path: string[]; value: unknown }[] {
  const own = [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])].map((value) => ({
    path,
    value,
  }));
  const below = Object.entries(node.properties ?? {}).flatMap(([key, child]) => words(child, [...path, key]));
  return [...own, ...below, ...(node.anyOf ?? []).flatMap((child) => words(child, path))];
}

function changed(spec: Federation, path: readonly string[], value: unknown): Federation {
  const copy = structuredClone(spec) as unknown as Record<string, unknown>;
  const owner = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  owner[path.at(-1)!] = value;
  return federationSchema.parse(copy);
}

const names = [
  ...words(z.toJSONSchema(federationSchema, { io: 'input' }) as Node),
  ...strategyNames.map((value) => ({ path: ['strategy', 'name'], value: value as unknown })),
  ...schemes.names.map((value) => ({ path: ['encryption', 'scheme'], value: value as unknown })),
].map((name, i) => ({ ...name, title: `${name.path.join('.')} ${String(name.value)}`, federation: `name-${i}` }));

/** What the tiny model, whose one output is no list of classes, cannot do. */
const refused: Record<string, string> = {
  'model.loss cross-entropy': 'MODEL_INVALID',
};

describe('the start of a run', () => {
  const database = withDatabase();
  const federation = withFederation(() => ({ databaseUrl: database.url }), { alpha: {}, beta: {}, gamma: {} });
  const start = (spec: Federation) => startRun(federation.coordinator, spec);
  const nothingRuns = async (): Promise<void> => {
    expect((await federation.coordinator.client.runs()).filter((run) => run.state === 'running')).toEqual([]);
  };

  it('knows every name that a file may use', () => {
    expect(names.map(({ path }) => path.join('.'))).toEqual(
      expect.arrayContaining([
        'model.loss',
        'encryption.scheme',
        'privacy.accountant',
        'local.optimizer',
        'strategy.name',
      ]),
    );
    expect(Object.keys(refused).filter((title) => !names.some((name) => name.title === title))).toEqual([]);
  });

  it.each(names)('takes or refuses $title before anything starts', async ({ title, path, value, federation: name }) => {
    const starting = start(changed(tinySpec({ name }), path, value));
    if (title in refused) await expect(starting).rejects.toMatchObject({ code: refused[title] });
    else await federation.coordinator.client.cancelRun((await starting).id);
    await nothingRuns();
  });

  it.each<[string, string, object]>([
    ['a strategy nobody has', 'REQUEST_INVALID', { strategy: { name: 'fedmagic', params: {} } }],
    [
      'an encryption scheme nobody has',
      'REQUEST_INVALID',
      { encryption: { ...tinySpec().encryption, scheme: 'rot13' } },
    ],
    [
      'a parameter of another strategy',
      'REQUEST_INVALID',
      { strategy: { name: 'fedavg', params: { nesterov: true } } },
    ],
    ['a parameter of the wrong kind', 'REQUEST_INVALID', { strategy: { name: 'fedavgm', params: { nesterov: 1 } } }],
    ['a parameter out of range', 'REQUEST_INVALID', { strategy: { name: 'fedprox', params: { proximalMu: 1001 } } }],
    [
      'an alias that no version has',
      'REQUEST_INVALID',
      { promotion: { alias: 'champion', gate: { noWorseThan: 'champoin' } } },
    ],
    ['a value that the model does not have', 'MODEL_INVALID', { model: { ...tinySpec().model, output: 'logit' } }],
    [
      'a budget that no noise keeps',
      'REQUEST_INVALID',
      { privacy: { ...tinySpec().privacy, epsilon: 0.1, recordCountNoise: 0.5, accountant: 'rdp' } },
    ],
  ])('refuses %s', async (_, code, part) => {
    await expect(start({ ...tinySpec(), ...part })).rejects.toMatchObject({ code });
    await nothingRuns();
  });

  it('takes the alias it promotes to as a rival that is not there yet', async () => {
    const { id } = await start({
      ...tinySpec(),
      promotion: { alias: 'candidate', gate: { noWorseThan: 'candidate' } },
    });
    await federation.coordinator.client.cancelRun(id);
  });

  it('takes one of two that are asked for at once', async () => {
    const started = await Promise.allSettled([start(tinySpec()), start(tinySpec())]);
    expect(started.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    for (const one of started) {
      if (one.status === 'fulfilled') await federation.coordinator.client.cancelRun(one.value.id);
      else expect(one.reason).toMatchObject({ code: 'RUN_ACTIVE' });
    }
  });

  it('leaves the coordinator answering while it looks for noise', async () => {
    let pending = true;
    const spec: Federation = {
      ...tinySpec({ rounds: 5 }),
      privacy: { ...tinySpec().privacy, epsilon: 1.2, accountant: 'pld', recordCountNoise: 10 },
    };
    const starting = start(spec).finally(() => (pending = false));
    // The files are put and the run is asked for in between; a thread that searched would answer one question at most.
    for (let answered = 0; answered < 20; answered++) {
      expect(await (await fetch(new URL('/v1/health/live', federation.coordinator.url))).json()).toEqual({
        live: true,
      });
    }
    expect(pending).toBe(true);
    await federation.coordinator.client.cancelRun((await starting).id);
  });
});

describe('the check of a recipe in its own process', () => {
  it('ends at its limit of time, and the next one goes on', async () => {
    const checks = new RecipeChecks();
    const recipe = { spec: tinySpec(), model: tinyModel(), recordsSchema };
    const late = checks.check(recipe, { timeoutMs: 1 });
    const next = checks.check(recipe);
    await expect(late).rejects.toMatchObject({ code: 'RUN_CHECK_TIMED_OUT' });
    expect(await next).toEqual({ parameterCount: 4, noiseMultiplier: 0 });
    checks.onModuleDestroy();
  });

  it('ends at its limit of memory, native code included', async () => {
    const checks = new RecipeChecks();
    const check = checks.check({ spec: tinySpec(), model: tinyModel(), recordsSchema }, { memoryMb: 32 });
    await expect(check).rejects.toMatchObject({ code: 'RUN_CHECK_MEMORY_EXCEEDED', status: 400 });
    checks.onModuleDestroy();
  });
});

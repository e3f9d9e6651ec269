import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from '@koinon/contracts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  image: string;
  build?: { dockerfile: string; target: string };
  environment?: Record<string, string>;
  secrets?: (string | { source: string })[];
  volumes?: string[];
  networks: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: object;
  read_only?: boolean;
  deploy: { resources: { limits: { cpus: string; memory: string } } };
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, null>;
  secrets: Record<string, { file: string }>;
}

const root = join(import.meta.dirname, '..');
const composeText = readFileSync(join(root, 'infra/compose/compose.yaml'), 'utf8');
const compose = parse(composeText, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);
const dockerfile = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
const stages = new Map(
  dockerfile
    .split(/^FROM /m)
    .slice(1)
    .map((text) => {
      const [, base = '', name = ''] = /^(?:--platform=\S+ )?(\S+) AS (\S+)/.exec(text) ?? [];
      return [name, { base, text }] as const;
    }),
);

/** A stage's text with that of the stages it is built on. */
function inherited(name: string): string {
  const stage = stages.get(name);
  return stage === undefined ? '' : inherited(stage.base) + stage.text;
}

describe('an image of the coordinator', () => {
  it.each(['coordinator', 'worker'])('%s carries the lockfile that lineage names', (name) => {
    expect(inherited(name)).toMatch(/^COPY --from=build \/app\/package\.json \/app\/package-lock\.json \.\/$/m);
  });
});

describe('compose.yaml', () => {
  it('has the services of one federation', () => {
    const names = services.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'coordinator',
        'worker',
        'cleveland',
        'hungarian',
        'switzerland',
        'va',
        'postgres',
        'redis',
      ]),
    );
    expect(compose.services['postgres']?.image).toMatch(/^postgres:18/);
    expect(compose.services['redis']?.image).toMatch(/^redis:8/);
  });

  it.each(services)('%s has limits, a health check and only what the file declares', (_, service) => {
    expect(service.deploy.resources.limits).toMatchObject({
      cpus: expect.any(String),
      memory: expect.stringMatching(/^\d+[MG]$/),
    });
    const target = service.build?.target;
    expect(service.healthcheck !== undefined || /^HEALTHCHECK .*CMD/m.test(inherited(target ?? ''))).toBe(true);
    for (const network of service.networks) expect(compose.networks).toHaveProperty(network);
    for (const secret of service.secrets ?? [])
      expect(compose.secrets).toHaveProperty(typeof secret === 'string' ? secret : secret.source);
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(globSync(source, { cwd: join(root, 'infra/compose') })).toHaveLength(1);
      else expect(compose.volumes).toHaveProperty(source);
    }
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services).toHaveProperty(name);
      expect(condition).toBe('service_healthy');
    }
  });

  it('keeps secrets in files and hospitals away from the stores', () => {
    expect(composeText).not.toMatch(/(PASSWORD|TOKEN|DATABASE_URL|REDIS_URL)\s*:/);
    expect(compose.networks['stores']?.internal).toBe(true);
    const inside = services.filter(([, service]) => service.networks.includes('stores')).map(([name]) => name);
    expect(inside.toSorted()).toEqual(['coordinator', 'postgres', 'redis', 'worker']);
  });

  it.each(ours)('%s is built from a stage of the Dockerfile with a read-only root', (_, service) => {
    expect(stages.has(service.build?.target ?? '')).toBe(true);
    expect(service.read_only).toBe(true);
  });

  it('sets only variables that the applications read', () => {
    const configs = globSync('apps/*/src/{,platform/}config.ts', { cwd: root })
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n');
    const entrypoint = readFileSync(join(root, 'infra/docker/entrypoint.sh'), 'utf8');
    const names = new Set(`${composeText}\n${dockerfile}`.match(/\bKOINON_[A-Z_]+(?=: |=)/g));
    expect(names.size).toBeGreaterThan(8);
    for (const name of names) {
      const setting = name.replace(/_FILE$/, '');
      if (configs.includes(`${name}:`)) continue;
      expect(entrypoint).toContain(setting);
      expect(configs).toContain(`${setting}:`);
    }
  });
});

describe('Dockerfile', () => {
  const images = ['coordinator', 'worker', 'edge-node'];

  it('copies only from stages and files that exist', () => {
    const sources = [...dockerfile.matchAll(/^COPY --from=(\S+)/gm)].map(([, stage = '']) => stage);
    expect(sources.length).toBeGreaterThan(5);
    for (const stage of sources) expect(stages.has(stage)).toBe(true);
    for (const [, file = ''] of dockerfile.matchAll(/^COPY (?:--chmod=\d+ )?(infra\/\S+) /gm))
      expect(globSync(file, { cwd: root })).toEqual([file]);
    for (const [, { base }] of stages) expect(base === 'node:24-bookworm-slim' || stages.has(base)).toBe(true);
  });

  it.each(images)('%s runs an existing program as an ordinary user, with a health check', (name) => {
    const text = inherited(name);
    expect(text).toMatch(/^USER 1000:1000$/m);
    expect(text).toMatch(/^HEALTHCHECK /m);
    const [, program = ''] = /^CMD \["node", "([^"]+)"\]$/m.exec(text) ?? [];
    expect(globSync(program.replace('/dist/', '/src/').replace(/\.js$/, '.ts'), { cwd: root })).toHaveLength(1);
  });

  it.each(images)('%s is made for the target and never starts from a stage with build tools', (name) => {
    const chain: string[] = [];
    for (let stage = name; stages.has(stage); stage = stages.get(stage)?.base ?? '') chain.push(stage);
    expect(chain.at(-1)).toBe('runtime');
    expect(dockerfile).toMatch(/^FROM node:24-bookworm-slim AS runtime$/m);
  });
});

it('asks the coordinator only for what its route table has', () => {
  const files = globSync('infra/{compose,docker}/*', { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const asked = files.flatMap((text) => text.match(/\/v1\/[\w/.-]+/g) ?? []);
  const paths = new Set<string>(Object.values(routes).map(({ path }) => path));
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.filter((path) => !paths.has(path))).toEqual([]);
});

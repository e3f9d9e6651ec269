import type { Federation, RunView } from '@koinon/contracts';
import { until } from '@koinon/testing';
import { afterAll, beforeAll, vi } from 'vitest';
import { InProcessCoordinator, type CoordinatorOptions } from './in-process.fixture.js';
import { RecordlessSite, type Behaviour } from './recordless-site.fixture.js';
import { digest, schemaOf, tinyModel } from './tiny-federation.fixture.js';

// A run takes seconds where nothing else runs, and much longer on a busy machine: these only end what hangs.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** A coordinator with enrolled sites for the tests of a block. The sites do nothing until told to `work()`. */
export interface FederationFixture {
  readonly coordinator: InProcessCoordinator;
  readonly sites: readonly RecordlessSite[];
  site(id: string): RecordlessSite;
}

export function withFederation(
  options: () => CoordinatorOptions,
  sites: Readonly<Record<string, Behaviour>>,
): FederationFixture {
  let coordinator: InProcessCoordinator | undefined;
  const enrolled: RecordlessSite[] = [];

  beforeAll(async () => {
    coordinator = await InProcessCoordinator.start(options());
    for (const [id, behaviour] of Object.entries(sites))
      enrolled.push(await RecordlessSite.enrol(coordinator, id, behaviour));
  });
  afterAll(async () => {
    await Promise.all(enrolled.map((site) => site[Symbol.asyncDispose]()));
    await coordinator?.[Symbol.asyncDispose]();
  });

  return {
    get coordinator(): InProcessCoordinator {
      if (!coordinator) throw new Error('the coordinator exists only while the tests of its block run');
      return coordinator;
    },
    sites: enrolled,
    site: (id) => enrolled.find((s) => s.id === id)!,
  };
}

/** Puts the files of a run and starts it. */
export async function startRun(
  { client }: InProcessCoordinator,
  spec: Federation,
  model = tinyModel(),
  { schema = schemaOf(model), seed }: { schema?: Uint8Array; seed?: number } = {},
): Promise<RunView> {
  await client.putBlob(digest(model), model);
  await client.putBlob(digest(schema), schema);
  return client.startRun({
    spec,
    modelSha256: digest(model),
    recordsSchemaSha256: digest(schema),
    ...(seed === undefined ? {} : { seed }),
  });
}

/** The run when it is no longer running. */
export function ended(coordinator: InProcessCoordinator, runId: string, timeoutMs = 120_000): Promise<RunView> {
  return until(
    'the end of the run',
    async () => {
      const run = await coordinator.client.run(runId);
      return run.state !== 'running' && run;
    },
    timeoutMs,
  );
}

import { randomUUID } from 'node:crypto';
import { PROTOCOL } from '@koinon/contracts';
import { until, withDatabase } from '@koinon/testing';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { expect, it, vi } from 'vitest';
import { BLOBS, type BlobStore } from '../platform/blobs/blob-store.js';
import { EventsService } from '../platform/events/events.service.js';
import { withFederation } from '../testing/federation.fixture.js';
import { digest, tinyModel } from '../testing/tiny-federation.fixture.js';
import { AssignmentsService } from './assignments.service.js';

const nothing = {
  protocol: PROTOCOL,
  digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  assignments: [],
  keyEpochs: [],
  runs: [],
};

const database = withDatabase();
const federation = withFederation(() => ({ databaseUrl: database.url, worker: false }), {
  alpha: {},
  beta: {},
  gamma: {},
});

it('a file for a site is streamed and never held whole', async () => {
  const { coordinator } = federation;
  const model = tinyModel();
  await coordinator.client.putBlob(digest(model), model);
  const whole = vi.spyOn(coordinator.app.get<BlobStore>(BLOBS), 'get');
  const received = await federation.site('alpha').link.bytes(`/v1/site/blobs/${digest(model)}`);
  expect(Buffer.from(received).equals(model)).toBe(true);
  expect(whole).not.toHaveBeenCalled();
  await expect(federation.site('alpha').link.bytes(`/v1/site/blobs/${'0'.repeat(64)}`)).rejects.toMatchObject({
    code: 'BLOB_MISSING',
  });
});

it('one look at the database answers every site that asks at that moment', async () => {
  const { app } = federation.coordinator;
  const query = vi.spyOn(PostgresQueryRunner.prototype, 'query');
  const asked = await Promise.all(['alpha', 'beta', 'gamma'].map((site) => app.get(AssignmentsService).wait(site, 0)));
  expect(asked).toEqual([nothing, nothing, nothing]);
  expect(query.mock.calls.filter(([text]) => text.includes('model_aliases'))).toHaveLength(1);
});

it('who waits reads again when the connection of the events is back: what happened meanwhile nobody was told', async () => {
  const { app } = federation.coordinator;
  const [assignments, events] = [app.get(AssignmentsService), app.get(EventsService)];
  const { digest: known } = await assignments.wait('alpha', 0);
  const query = vi.spyOn(PostgresQueryRunner.prototype, 'query');
  const looks = () => query.mock.calls.filter(([text]) => text.includes('FROM runs run')).length;
  const waiting = assignments.wait('alpha', 3_000, known);
  await until('the first look', () => Promise.resolve(looks() > 0));
  await federation.coordinator.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()",
  );
  await until('a look after the gap', () => Promise.resolve(looks() > 1));
  expect(events.gaps.observed).toBe(true);
  expect(await waiting).toEqual(nothing);
});

it('a change costs one look, however many sites wait for one; all are answered when the coordinator stops', async () => {
  const { app, foundations } = federation.coordinator;
  const [assignments, events] = [app.get(AssignmentsService), app.get(EventsService)];
  const { digest: known } = await assignments.wait('site-0', 0);
  const query = vi.spyOn(PostgresQueryRunner.prototype, 'query');
  const looks = () => query.mock.calls.filter(([text]) => text.includes('FROM runs run')).length;
  const sites = Array.from({ length: 64 }, (_, i) => `site-${i}`);
  const waiting = Promise.all(sites.map((site) => assignments.wait(site, 3_600_000, known)));
  await until('the first look', () => Promise.resolve(looks() > 0));
  await events.publish(foundations.database.manager, 'round', randomUUID(), randomUUID());
  await until('a look after the change', () => Promise.resolve(looks() > 1));
  events.stream.complete();
  for (const answer of await waiting) expect(answer).toEqual(nothing);
  // Who asks while a look is under way shares the next one.
  expect(looks()).toBeLessThanOrEqual(4);
}, 10_000);

import { PROTOCOL } from '@koinon/contracts';
import { withDatabase } from '@koinon/testing';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { expect, it, vi } from 'vitest';
import { BLOBS, type BlobStore } from '../platform/blobs/blob-store.js';
import { EventsService } from '../platform/events/events.service.js';
import { withFederation } from '../testing/federation.fixture.js';
import { digest, tinyModel } from '../testing/tiny-federation.fixture.js';
import { AssignmentsService } from './assignments.service.js';

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
  const nothing = { assignments: [], epochs: [] };
  expect(asked).toEqual([nothing, nothing, nothing]);
  expect(query.mock.calls.filter(([text]) => text.includes('model_aliases'))).toHaveLength(1);
});

it('a site that waits is answered when the coordinator stops', async () => {
  const { app } = federation.coordinator;
  const waiting = app.get(AssignmentsService).wait('alpha', 3_600_000);
  app.get(EventsService).stream.complete();
  expect(await waiting).toEqual({ protocol: PROTOCOL, assignments: [], epochs: [] });
}, 10_000);

import { eventSchema, type KoinonEvent } from '@koinon/contracts';
import { tempDir, withDatabase, until } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessCoordinator } from '../../testing/in-process.fixture.js';

/** Events as they come out of the stream of one instance. */
async function listen(coordinator: InProcessCoordinator, signal: AbortSignal): Promise<KoinonEvent[]> {
  const events: KoinonEvent[] = [];
  const stream = await coordinator.client.events(signal);
  void (async () => {
    let text = '';
    try {
      for await (const chunk of stream) {
        text += new TextDecoder().decode(chunk);
        const lines = text.split('\n');
        text = lines.pop()!;
        for (const line of lines)
          if (line.startsWith('data: ')) events.push(eventSchema.parse(JSON.parse(line.slice(6))));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  })();
  return events;
}

describe('the event stream', () => {
  const database = withDatabase();
  const home = tempDir();
  const instances: InProcessCoordinator[] = [];

  beforeAll(async () => {
    for (let i = 0; i < 2; i++)
      instances.push(await InProcessCoordinator.start({ databaseUrl: database.url, home: home.path, worker: false }));
  });
  afterAll(async () => {
    for (const instance of instances) await instance[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  it('tells listeners of every instance what happened at one of them, once it is committed', async () => {
    const stop = new AbortController();
    const heard = await Promise.all(instances.map((instance) => listen(instance, stop.signal)));
    await instances[1]!.client.invite('alpha', 'A hospital');
    for (const events of heard) {
      const event = await until('the event', () => Promise.resolve(events.find((e) => e.id === 'alpha')));
      expect(event).toMatchObject({ topic: 'site', runId: null });
    }
    await expect(instances[0]!.client.invite('NOT AN ID', 'x')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await instances[0]!.client.invite('beta', 'Another hospital');
    await until('the second event', () => Promise.resolve(heard[1]!.some((e) => e.id === 'beta')));
    expect(heard[1]!.map((e) => e.id)).toEqual(['alpha', 'beta']);
    stop.abort();
  });

  it('comes back after its database connection was lost', async () => {
    const stop = new AbortController();
    const events = await listen(instances[0]!, stop.signal);
    await instances[1]!.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    await until('an event after the reconnect', async () => {
      await instances[1]!.client.invite('gamma', 'Again');
      return events.some((e) => e.id === 'gamma');
    });
    stop.abort();
  });
});

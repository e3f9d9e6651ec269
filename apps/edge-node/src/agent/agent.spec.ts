import { getEventListeners } from 'node:events';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { freePort } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listOf } from '@koinon/site-client/testing';
import { Agent } from './agent.js';
import { EdgeAgent } from '../testing/edge-agent.js';

describe('the agent', () => {
  let edge: EdgeAgent;
  beforeEach(async () => {
    edge = await EdgeAgent.enrolled();
  });
  afterEach(() => edge[Symbol.asyncDispose]());
  it('says once by code that a report did not arrive, and again once one has in between', async () => {
    const side = {
      url: 'http://127.0.0.1:8000',
      load: edge.load,
      stats: () => ({ requests: 5, p50Ms: 1, p99Ms: null }),
    };
    const agent = await Agent.start(edge.node.config, side, edge.stopping.signal, edge.log);
    edge.running = Promise.resolve();
    const logged = (): unknown[] => edge.log.mock.calls.map(([{ level, code, doing }]) => [level, code, doing]);
    const codes = [
      'SIGNATURE_INVALID',
      'SIGNATURE_INVALID',
      'DATABASE_UNREACHABLE',
      'SIGNATURE_INVALID',
      null,
      'SIGNATURE_INVALID',
    ] as const;
    for (const code of codes) {
      edge.coordinator.answer = ({ path }) => {
        if (code && path === '/v1/site/status') throw new CodedError(code);
        return undefined;
      };
      await agent.reporter.reportOrLog();
    }
    expect(logged()).toEqual(
      ['SIGNATURE_INVALID', 'DATABASE_UNREACHABLE', 'SIGNATURE_INVALID'].map((code) => ['warn', code, 'report']),
    );
  });

  it('does not ask a coordinator in circles that does not wait', async () => {
    edge.coordinator.answer = ({ path }) => (path.startsWith('/v1/site/assignments') ? listOf([], []) : undefined);
    const startedAt = performance.now();
    await edge.start();
    await vi.waitFor(() => expect(edge.polls()).toBeGreaterThan(3), 5000);
    // At least 200 ms lie between two questions, but for the first answer.
    expect(edge.polls()).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 200);
  });

  it('leaves no listener behind on the signal it is stopped with', async () => {
    edge.coordinator.answer = ({ path }) => {
      if (path.startsWith('/v1/site/assignments')) throw new CodedError('DATABASE_UNREACHABLE');
      return undefined;
    };
    await edge.start();
    await vi.waitFor(() => expect(edge.polls()).toBeGreaterThan(3), 10_000);
    expect(getEventListeners(edge.stopping.signal, 'abort').length).toBeLessThanOrEqual(1);
  });

  it('ends while its question is held open, and while it waits to ask again', async () => {
    await edge.start();
    await vi.waitFor(() => expect(edge.coordinator.held).toBe(1), 5000);
    edge.stopping.abort();
    await edge.running;
    expect(edge.log.mock.calls.filter(([entry]) => entry['level'] === 'warn')).toEqual([]);

    edge.stopping = new AbortController();
    await edge.start({ ...edge.node.config, coordinatorUrl: `http://127.0.0.1:${await freePort()}` });
    await vi.waitFor(() =>
      expect(edge.log).toHaveBeenCalledWith(expect.objectContaining({ code: 'COORDINATOR_UNREACHABLE' })),
    );
    edge.stopping.abort();
    await edge.running;
  });

  it.each<[string, string, () => void]>([
    [
      'LEDGER_UNUSABLE',
      'a ledger that is damaged: budget that is forgotten is spent twice',
      () => writeFileSync(join(edge.home, 'privacy-ledger.json'), '{'),
    ],
    ['LEDGER_MISSING', 'an enrolment whose ledger is gone', () => rmSync(join(edge.home, 'privacy-ledger.json'))],
    ['KEY_UNUSABLE', 'an enrolment whose keys are gone', () => rmSync(join(edge.home, 'keys.json'))],
  ])('does not start with %s on %s', async (code, _, lose) => {
    lose();
    await expect(edge.start()).rejects.toMatchObject({ code });
    edge.running = Promise.resolve();
  });

  it('takes a home of before in which nothing was trained, and none in which keys were agreed on', async () => {
    const before = (): void => {
      rmSync(join(edge.home, 'privacy-ledger.json'));
      writeFileSync(
        join(edge.home, 'enrolment.json'),
        JSON.stringify({ coordinatorKey: edge.node.coordinatorSigner.publicKey }),
      );
    };
    before();
    await edge.start();
    expect(readdirSync(edge.home)).toContain('privacy-ledger.json');
    expect(JSON.parse(readFileSync(join(edge.home, 'enrolment.json'), 'utf8'))).toMatchObject({ version: 2 });
    edge.stopping.abort();
    await edge.running;
    before();
    await edge.ceremony();
    await expect(edge.start()).rejects.toMatchObject({ code: 'LEDGER_MISSING' });
    edge.running = Promise.resolve();
  });
});

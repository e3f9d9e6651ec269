import { afterEach, describe, expect, it, vi } from 'vitest';
import { SessionPool } from './session-pool.js';
import type { RunRequest } from './worker-protocol.js';

/** A worker that holds each run until the spec opens its gate, and ends abruptly on session 0. */
const gatedWorker = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', (request) => {
      if (request.kind === 'close') return parentPort.close();
      if (request.session === 0) process.exit(1);
      if (request.inputs) Atomics.wait(request.inputs.gate.data, 0, 0);
      parentPort.postMessage(request.kind === 'run' ? { kind: 'ran', outputs: {}, computeMs: 1 } : { kind: 'released' });
    });
    parentPort.postMessage({ kind: 'ready' });
  `)}`,
);

class Gate {
  private readonly flag = new Int32Array(new SharedArrayBuffer(4));
  readonly request: RunRequest = {
    kind: 'run',
    session: 1,
    outputs: [],
    inputs: { gate: { ortType: 'int32', dims: [1], data: this.flag } },
  };

  open(): void {
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
  }
}

const coded = (code: string) => expect.objectContaining({ code });

afterEach(() => {
  vi.useRealTimers();
});

describe('SessionPool', () => {
  it('gives up on a run at its deadline and keeps the session until the run has ended', async () => {
    const pool = await SessionPool.start(gatedWorker, 1, 1);
    const gate = new Gate();
    const ticket = pool.submit(gate.request, [], { deadlineMs: performance.now() + 5 });
    let left = false;
    void ticket.left.then(() => (left = true));
    await expect(ticket.result).rejects.toEqual(coded('DEADLINE_EXCEEDED'));
    expect(left).toBe(false);
    gate.open();
    await ticket.left;
    await pool.close();
  });

  it('never starts what passed its deadline in the queue', async () => {
    const pool = await SessionPool.start(gatedWorker, 1, 2);
    const [first, second, third] = [new Gate(), new Gate(), new Gate()];
    const running = pool.submit(first.request, [], {});
    const late = pool.submit(second.request, [], { deadlineMs: performance.now() + 5 });
    const patient = pool.submit(third.request, [], {});
    await expect(late.result).rejects.toEqual(coded('DEADLINE_EXCEEDED'));
    await late.left;
    first.open();
    third.open();
    // The second gate stays shut: had its run started, the third could not finish.
    await expect(Promise.all([running.result, patient.result])).resolves.toHaveLength(2);
    await pool.close();
  });

  it('does not need the timer to be on time for that', async () => {
    const pool = await SessionPool.start(gatedWorker, 1, 2);
    const [first, second] = [new Gate(), new Gate()];
    const running = pool.submit(first.request, [], {});
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const deadlineMs = performance.now() + 2;
    const late = pool.submit(second.request, [], { deadlineMs });
    while (performance.now() <= deadlineMs);
    first.open();
    await running.result;
    await expect(late.result).rejects.toEqual(coded('DEADLINE_EXCEEDED'));
    await late.left;
    await pool.close();
  });

  it('lets a request for a given thread go ahead of the queue', async () => {
    const pool = await SessionPool.start(gatedWorker, 1, 2);
    const [first, second] = [new Gate(), new Gate()];
    const order: string[] = [];
    const running = pool.submit(first.request, [], {}).result.then(() => order.push('running'));
    const queued = pool.submit(second.request, [], {}).result.then(() => order.push('queued'));
    const [thread] = pool.threads;
    if (!thread) throw new Error('The pool has no thread.');
    const released = pool.callOn(thread, { kind: 'release', session: 1 }).then(() => order.push('release'));
    second.open();
    first.open();
    await Promise.all([running, queued, released]);
    expect(order).toEqual(['running', 'release', 'queued']);
    await pool.close();
  });

  it('goes on with the remaining threads when one is lost, and says so', async () => {
    const pool = await SessionPool.start(gatedWorker, 2, 4);
    const dying = pool.submit({ kind: 'run', session: 0, inputs: {}, outputs: [] }, [], {});
    await expect(dying.result).rejects.toEqual(coded('WORKER_LOST'));
    await dying.left;
    expect(pool.healthy).toBe(false);
    const gate = new Gate();
    gate.open();
    await expect(pool.submit(gate.request, [], {}).result).resolves.toMatchObject({ computeMs: 1 });
    await pool.close();
  });

  it('refuses waiting requests when the last thread is lost', async () => {
    const pool = await SessionPool.start(gatedWorker, 1, 4);
    const dying = pool.submit({ kind: 'run', session: 0, inputs: {}, outputs: [] }, [], {});
    const waiting = pool.submit(new Gate().request, [], {});
    await expect(dying.result).rejects.toEqual(coded('WORKER_LOST'));
    await expect(waiting.result).rejects.toEqual(coded('WORKER_LOST'));
    expect(() => pool.submit(new Gate().request, [], {})).toThrow(coded('WORKER_LOST'));
    await pool.close();
  });

  it('fails to start, and leaves nothing running, when a thread cannot', async () => {
    const broken = new URL('data:text/javascript,throw new Error("no ONNX Runtime here")');
    await expect(SessionPool.start(broken, 2, 1)).rejects.toEqual(coded('WORKER_LOST'));
  });
});

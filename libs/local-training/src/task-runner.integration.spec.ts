import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EvaluateJob, TaskLimits, TrainJob } from './protocol.js';
import { TaskRunner } from './task-runner.js';
import { TrainingError } from './training-error.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'koinon child '));
});
afterAll(() => rmSync(folder, { recursive: true }));

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());
const runner = (childFile: string, limits: Partial<TaskLimits> = {}): TaskRunner =>
  new TaskRunner({ memoryMb: 256, timeoutMs: 60_000, ...limits }, { childFile, signal: stop.signal });

function childThat(name: string, body: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `process.once('message', ({ task: { kind, job } }) => { ${body} });`);
  return file;
}

/** Processes that run a child of this test. */
const running = (name: string): number[] =>
  readdirSync('/proc')
    .filter((pid) => {
      try {
        return (
          /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(join(folder, `${name}.mjs`))
        );
      } catch {
        return false;
      }
    })
    .map(Number);

const job: TrainJob = {
  modelFile: 'model.onnx',
  trainable: ['weight'],
  loss: 'bce',
  output: 'logits',
  data: { file: 'a', schemaFile: 'b', splitFile: 'c', centre: 'd' },
  weights: Float32Array.of(0.5, -2),
  round: 1,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0 },
  correction: null,
  privacy: { clippingNorm: 1, noiseMultiplier: 1, recordCountNoise: 10 },
};
const charge = (): number => 30;
const evaluation: EvaluateJob = {
  modelFile: job.modelFile,
  inputName: 'features',
  features: Float32Array.of(1, 2),
  rows: 1,
  width: 2,
};

describe('TaskRunner', () => {
  it('hands the job over, takes the result back and gives the child no environment', async () => {
    const echo = childThat(
      'echo',
      `const steps = process.env.KOINON_SECRET === undefined && process.env.PATH === undefined ? job.local.steps : -1;
       process.send({ kind: 'done', result: { weights: job.weights, loss: null, steps } }, () => process.disconnect());`,
    );
    process.env.KOINON_SECRET = 'x';
    try {
      expect(await runner(echo).train(job, charge)).toEqual({
        weights: Float32Array.of(0.5, -2),
        loss: null,
        steps: 5,
      });
    } finally {
      delete process.env.KOINON_SECRET;
    }
  });

  it.each([
    [
      'DATA_INVALID',
      `process.send({ kind: 'failed', code: (kind === 'train' ? 'TRAINING' : 'EVALUATION') + '_DATA_INVALID', message: 'row 3' })`,
      {},
    ],
    ['CRASHED', `process.exit(3)`, {}],
    ['CRASHED', `throw new Error('boom')`, {}],
    ['CRASHED', `process.kill(process.pid, 'SIGKILL')`, {}],
    ['TIMED_OUT', `for (;;);`, { timeoutMs: 400 }],
    // Outside the JavaScript heap: only the watchdog sees it.
    ['MEMORY_EXCEEDED', `globalThis.hog = []; setInterval(() => hog.push(Buffer.alloc(2 ** 24, 1)), 5)`, {}],
    ['MEMORY_EXCEEDED', `globalThis.hog = []; for (;;) hog.push(Array.from({ length: 1000 }, (_, i) => ({ i })))`, {}],
  ])('ends with %s a child that runs %j', async (reason, body, limits) => {
    const tasks = runner(childThat(reason + body.length, body), limits);
    await expect(tasks.train(job, charge)).rejects.toMatchObject({ code: `TRAINING_${reason}` });
    await expect(tasks.evaluate(evaluation)).rejects.toMatchObject({ code: `EVALUATION_${reason}` });
  });

  it('takes a process for one task only, and starts the next one before it is needed', async () => {
    const tasks = runner(
      childThat('ahead', `process.send({ kind: 'done', result: process.pid }, () => process.disconnect())`),
    );
    const first = await tasks.evaluate(evaluation);
    const waiting = running('ahead');
    expect(waiting).toEqual([expect.any(Number)]);
    expect(waiting).not.toContain(first);
    expect(await tasks.evaluate(evaluation)).toBe(waiting[0]);
    stop.abort();
    await vi.waitFor(() => expect(running('ahead')).toEqual([]));
  });

  it('tells the process that waits what it will be asked for: the task that follows in a round', async () => {
    const tasks = runner(childThat('told', `process.send({ kind: 'done', result: process.argv.at(-1) })`));
    tasks.prepare();
    const [prepared] = running('told');
    expect(await tasks.train(job, charge)).toBe('train');
    expect(running('told')).not.toContain(prepared);
    expect(await tasks.evaluate(evaluation)).toBe('evaluate');
    expect(await tasks.evaluate(evaluation), 'a task that nobody foresaw').toBe('train');
  });

  it('starts another process where the waiting one was killed', async () => {
    const tasks = runner(
      childThat('killed', `process.send({ kind: 'done', result: process.pid }, () => process.disconnect())`),
    );
    await tasks.evaluate(evaluation);
    const [killed] = running('killed');
    process.kill(killed!, 'SIGKILL');
    await vi.waitFor(() => expect(running('killed')).toEqual([]));
    expect(await tasks.evaluate(evaluation)).not.toBe(killed);
  });

  it('starts another process where the waiting one was killed after the order was written to it and before it read it', async () => {
    const tasks = runner(
      childThat('unread', `process.send({ kind: 'done', result: process.pid }, () => process.disconnect())`),
    );
    await tasks.evaluate(evaluation);
    const [killed] = running('unread');
    process.kill(killed!, 'SIGSTOP');
    const answer = tasks.evaluate(evaluation);
    await new Promise((written) => setImmediate(() => setImmediate(written)));
    process.kill(killed!, 'SIGKILL');
    expect(await answer).not.toBe(killed);
  });

  it('pays when the child says that it could train, and not before', async () => {
    const ready = childThat(
      'ready',
      `process.once('message', ({ noisedRecordCount }) => process.send({ kind: 'done', result: { weights: job.weights, loss: null, steps: noisedRecordCount } }, () => process.disconnect())); process.send({ kind: 'ready' });`,
    );
    const unfit = childThat(
      'unfit',
      `process.send({ kind: 'failed', code: 'TRAINING_MODEL_INVALID', message: 'no such value' })`,
    );
    const paid = vi.fn<() => number>(() => 42);
    await expect(runner(unfit).train(job, paid)).rejects.toMatchObject({ code: 'TRAINING_MODEL_INVALID' });
    expect(paid).not.toHaveBeenCalled();
    expect(await runner(ready).train(job, paid)).toMatchObject({ steps: 42 });
    expect(paid).toHaveBeenCalledTimes(1);
    const refuse = (): never => {
      throw new TrainingError('TRAINING_BUDGET_EXHAUSTED', 'spent');
    };
    await expect(runner(ready).train(job, refuse)).rejects.toMatchObject({ code: 'TRAINING_BUDGET_EXHAUSTED' });
  });

  it('gives a paid result though the next process cannot be started', async () => {
    const tasks = runner(
      childThat(
        'last',
        `process.once('message', () => process.send({ kind: 'done', result: { weights: job.weights, loss: null, steps: 5 } }, () => process.disconnect())); process.send({ kind: 'ready' });`,
      ),
    );
    const payAndLoseTheFile = (): number => {
      Object.assign(tasks, { childFile: 'no file has\0this name' });
      return 30;
    };
    expect(await tasks.train(job, payAndLoseTheFile)).toMatchObject({ steps: 5 });
  });

  it('kills the child when it is cancelled, also before it starts', async () => {
    const childFile = childThat('hang', 'for (;;);');
    const tasks = runner(childFile);
    const task = new AbortController();
    const cancelled = tasks.evaluate(evaluation, task.signal);
    task.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'EVALUATION_CANCELLED' });
    const stopped = tasks.train(job, charge);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' });
    await expect(tasks.train(job, charge)).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' });
  });

  it.each([
    ['trainable', { trainable: [] }],
    ['weights', { weights: Float32Array.of(Number.NaN) }],
    ['round', { round: 0 }],
    ['local.samplingRate', { local: { ...job.local, samplingRate: 1.5 } }],
    ['local.steps', { local: { ...job.local, steps: 101 } }],
    ['local.learningRate', { local: { ...job.local, learningRate: 1e38 } }],
    ['privacy.clippingNorm', { privacy: { ...job.privacy, clippingNorm: 1e-28 } }],
    ['privacy.clippingNorm', { privacy: { ...job.privacy, clippingNorm: Number.NaN } }],
    ['privacy.recordCountNoise', { privacy: { ...job.privacy, recordCountNoise: 101 } }],
    ['privacy.noiseMultiplier', { privacy: { ...job.privacy, noiseMultiplier: 1e-9 } }],
    [
      'privacy.noiseMultiplier is too large for this many weights',
      { privacy: { ...job.privacy, noiseMultiplier: 1e6 } },
    ],
    ['local.proximalMu', { local: { ...job.local, proximalMu: -1 } }],
    ['insecureDeterministic', { insecureDeterministic: true }],
  ])('refuses a job whose %s cannot be honoured', async (field, over) => {
    await expect(runner('never started').train({ ...job, ...over }, charge)).rejects.toMatchObject({
      code: 'TRAINING_JOB_INVALID',
      message: expect.stringContaining(field),
    });
  });

  it.each([
    ['limits.memoryMb', { memoryMb: 64 }],
    ['limits.timeoutMs', { timeoutMs: 0 }],
    ['limits.timeoutMs', { timeoutMs: 2 ** 31 }],
  ])('refuses %s that cannot be honoured', (field, limits) => {
    expect(() => runner('never started', limits)).toThrow(
      expect.objectContaining({ code: 'TRAINING_JOB_INVALID', message: expect.stringContaining(field) as string }),
    );
  });
});
